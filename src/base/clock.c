/*
 * The one place that reads the clock.
 */
#include "base/clock.h"

#include "autoconf.h"
#include "base/fault.h"

#include <time.h>

uint64_t
clock_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
clock_boot_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return fault_slept_ms() + CLOCK_BEFORE_BOOT_MS + (uint64_t)now.tv_sec * 1000 +
	       (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
clock_wall_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t
clock_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static time_t (*date_source)(void);

time_t
clock_date(void)
{
	return date_source != NULL ? date_source() : time(NULL) + fault_clock_s();
}

bool
clock_is_wrong(time_t date)
{
	return date < clock_built();
}

const char *
clock_date_text(time_t date, char out[CLOCK_DATE_TEXT_BYTES])
{
	struct tm utc;
	gmtime_r(&date, &utc);
	strftime(out, CLOCK_DATE_TEXT_BYTES, "%Y-%m-%d %H:%M UTC", &utc);
	return out;
}

time_t
clock_built(void)
{
	return DOTWARD_BUILT;
}

void
clock_date_from(time_t (*source)(void))
{
	date_source = source;
}
