/*
 * curses, for every terminal there is, the bare console among them: no colour is needed to tell things apart,
 * and no character beyond ASCII. A signal that ends us puts the terminal back first.
 */
#include "console/screen.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCREEN_WORRY = 1, SCREEN_FAINT };

static volatile sig_atomic_t told_to_end;

static void
on_signal(int signal)
{
	told_to_end = signal;
}

bool
screen_open(const char **why)
{
	const char *terminal = getenv("TERM");
	const struct sigaction end = {.sa_handler = on_signal};
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		*why = "standard input and output are no terminal";
		return false;
	}
	/* not initscr(), which would end the process in words of its own */
	if (terminal == NULL || strcmp(terminal, "dumb") == 0 || newterm(NULL, stdout, stdin) == NULL) {
		*why = "TERM names no terminal that can be drawn on";
		return false;
	}
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	if (has_colors() && start_color() == OK && use_default_colors() == OK) {
		init_pair(SCREEN_WORRY, COLOR_RED, -1);
		init_pair(SCREEN_FAINT, COLOR_CYAN, -1);
	}
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	return true;
}

void
screen_close(void)
{
	endwin();
}

void
screen_size(unsigned *columns, unsigned *rows)
{
	*columns = COLS > 0 ? (unsigned)COLS : 80;
	*rows = LINES > 0 ? (unsigned)LINES : 24;
}

static int
attributes(enum frame_style style)
{
	switch (style) {
	case FRAME_STRONG:
		return (int)A_BOLD;
	case FRAME_TITLE:
		return (int)A_REVERSE;
	case FRAME_WORRY:
		return (int)A_BOLD | (has_colors() ? COLOR_PAIR(SCREEN_WORRY) : 0);
	case FRAME_FAINT:
		return has_colors() ? COLOR_PAIR(SCREEN_FAINT) : (int)A_NORMAL;
	case FRAME_PLAIN:
		break;
	}
	return (int)A_NORMAL;
}

void
screen_show(const struct frame *frame)
{
	erase();
	for (unsigned i = 0; i < frame->count; i++) {
		const struct frame_line *line = &frame->lines[i];
		int drawn = attributes(line->style);
		attrset(drawn);
		mvaddnstr((int)i, 0, line->text, COLS);
		/* a title goes from edge to edge */
		if (line->style == FRAME_TITLE)
			mvchgat((int)i, 0, -1, (attr_t)drawn, 0, NULL);
	}
	attrset((int)A_NORMAL);
	refresh();
}

int
screen_key(int wait_ms)
{
	timeout(wait_ms);
	int key = told_to_end ? ERR : getch();
	if (told_to_end)
		return -1;
	if (key == ERR)
		return isatty(STDIN_FILENO) ? 0 : -1;
	return key;
}
