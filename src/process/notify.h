/*
 * Words to a service manager that speaks systemd's notification protocol (sd_notify(3)), without its library.
 *
 * Where nobody asked to be told (NOTIFY_SOCKET is not set) all of these do nothing and return 0. Else 0 when
 * the message is with the manager and -errno when it could not be sent; a manager that does not take messages
 * holds nobody up for longer than NOTIFY_PATIENCE_MS, and status and watchdog messages not at all.
 */
#ifndef DOTWARD_PROCESS_NOTIFY_H
#define DOTWARD_PROCESS_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

enum { NOTIFY_PATIENCE_MS = 500 };

/* Somebody asked to be told. */
bool notify_wanted(void);
/* It serves: after the start, and when a reload or an upgrade is over, however it ended. With a status line.
 */
int notify_ready(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A reload begins; Type=notify-reload waits for the notify_ready() after it. */
int notify_reloading(void);
int notify_stopping(void);
/* One line for `systemctl status`. */
int notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Another process is the master from now on; said by the old one, as its last word: the manager listens to
 * the new one from then on. Counts as a sign of life, so that the new one has the whole time for its first.
 */
int notify_main_pid(pid_t pid);
int notify_watchdog(void);
/* How often notify_watchdog() is to be called: half of what the manager allows. 0: never; also when the
 * watchdog was meant for another process (WATCHDOG_PID): a master after an upgrade must set that variable to
 * its own id. */
unsigned notify_watchdog_interval_ms(void);

#endif
