/*
 * Who sleeps in poll() would not notice that the machine has slept, for what the timeout is counted by stands
 * still meanwhile. A timer of the wall clock that is cancelled when that clock is set (timerfd_create(2)) is
 * cancelled at every resume, too, so it wakes us at once, and costs nothing until then.
 */
#include "process/lookout.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/netwatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LOOKOUT_FAR_S = 365 * 24 * 3600 };

struct lookout {
	struct epoch *epoch;
	struct netwatch *network; /* NULL: cannot be watched */
	int wake_fd;              /* -1: cannot be watched */
	uint32_t told;
};

/* Some day the timer runs out; then it is as if it had been cancelled. */
static void
wake_arm(struct lookout *lookout)
{
	struct itimerspec far = {.it_value = {.tv_sec = time(NULL) + LOOKOUT_FAR_S}};
	if (lookout->wake_fd >= 0)
		timerfd_settime(lookout->wake_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

static void
wake_heed(struct lookout *lookout)
{
	uint64_t expired;
	if (lookout->wake_fd < 0)
		return;
	if (read(lookout->wake_fd, &expired, sizeof expired) >= 0 || errno == ECANCELED)
		wake_arm(lookout);
}

struct lookout *
lookout_open(struct epoch *epoch)
{
	struct lookout *lookout = must_alloc(1, sizeof *lookout);
	lookout->epoch = epoch;
	lookout->told = epoch_now(epoch);
	lookout->network = netwatch_open();
	if (lookout->network == NULL)
		log_warn("changes of the network cannot be watched why=\"%s\"", strerror(errno));
	lookout->wake_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	wake_arm(lookout);
	return lookout;
}

void
lookout_leave(const struct lookout *lookout)
{
	if (lookout->network != NULL)
		close(netwatch_fd(lookout->network));
	if (lookout->wake_fd >= 0)
		close(lookout->wake_fd);
}

void
lookout_close(struct lookout *lookout)
{
	if (lookout == NULL)
		return;
	netwatch_close(lookout->network);
	if (lookout->wake_fd >= 0)
		close(lookout->wake_fd);
	free(lookout);
}

void
lookout_poll(const struct lookout *lookout, struct pollfd fds[LOOKOUT_FDS])
{
	int network = lookout->network != NULL ? netwatch_fd(lookout->network) : -1;
	fds[0] = (struct pollfd){.fd = network, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = lookout->wake_fd, .events = POLLIN};
}

uint64_t
lookout_due_ms(const struct lookout *lookout)
{
	return lookout->network != NULL ? netwatch_due_ms(lookout->network) : UINT64_MAX;
}

bool
lookout_heed(struct lookout *lookout, uint64_t now_ms)
{
	char why[NETNEWS_WHY_BYTES];
	wake_heed(lookout);
	uint64_t boot_ms = clock_boot_ms(), slept_ms = epoch_woke(lookout->epoch, boot_ms, clock_now_ms());
	if (slept_ms > 0)
		log_notice("the machine slept: upstreams are connected anew s=%llu",
		        (unsigned long long)(slept_ms / 1000));
	if (lookout->network != NULL && netwatch_changed(lookout->network, now_ms, why)) {
		epoch_raise(lookout->epoch);
		log_notice("the network changed: upstreams are connected anew why=\"%s\"", why);
	}
	uint32_t told = lookout->told;
	lookout->told = epoch_now(lookout->epoch);
	return lookout->told != told;
}
