/*
 * The master that is to come after this one: another binary, started by an upgrade. Until it says that it
 * serves, this master can go on as if nothing had been.
 */
#ifndef DOTWARD_PROCESS_SUCCESSOR_H
#define DOTWARD_PROCESS_SUCCESSOR_H

#include "process/admin.h"
#include "process/herald.h"
#include "process/hosts.h"
#include "process/keeper.h"
#include "process/lineage.h"
#include "process/upgrade.h"
#include "shared/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SUCCESSOR_PATH_BYTES = 4096 };

struct successor {
	struct upgrade upgrade;
	char binary[SUCCESSOR_PATH_BYTES];
	char *const *argv;
	/* What goes over, or hears of it; not owned. To be set before the first call of successor_ask(). */
	struct lineage *line;
	struct keeper *keeper;
	struct admin *admin;
	const struct world *world;
	const struct hosts *hosts;
	const struct herald *herald;
};

/* To be called at the start, see upgrade_find_binary(). argv: what the new binary is started with. */
void successor_begin(struct successor *s, char *const *argv);

bool successor_is_coming(const struct successor *s);
/* Readable when it has something to say, or is gone; -1: there is none. */
int successor_fd(const struct successor *s);
/* When it must have said that it serves; UINT64_MAX: there is none. */
uint64_t successor_due_ms(const struct successor *s);

/*
 * Starts it, within limit_ms. Whoever asked gets the answer by admin_done(), at once if it cannot be; one
 * that is coming already is what the others wait for, too.
 */
void successor_ask(struct successor *s, bool stopping, unsigned limit_ms);
/* There can be none now: whoever asked for one hears why. */
void successor_refuse(struct successor *s, const char *why);
/*
 * readable: its descriptor is. True once it serves: the generation that served drains, the control socket is
 * left to it, and nothing here is ours any more but the questions in flight. If it fails all is as it was.
 */
bool successor_judge(struct successor *s, bool readable, uint64_t now_ms);
/* It is not wanted any more, if there is one. */
void successor_give_up(struct successor *s);

#endif
