/* SPDX-License-Identifier: GPL-2.0-or-later */
/* show: dates, against those of libc. */
#include <time.h>

#include "show.h"
#include "tap.h"

/* Every half day and a second of 800 years, leap days and ends of centuries included. */
static bool dates_agree(void)
{
	for (uint64_t at = 0; at < UINT64_C(800) * 366 * 86400; at += 43201) {
		char want[SHOW_TIME_BYTES], have[SHOW_TIME_BYTES];
		time_t when = (time_t)at;
		struct tm tm;

		if (gmtime_r(&when, &tm) == NULL ||
		    strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
			return false;
		show_format_time(at, have);
		if (strcmp(want, have) != 0) {
			printf("# %s, not %s\n", have, want);
			return false;
		}
	}
	return true;
}

int main(void)
{
	char text[SHOW_TIME_BYTES];

	msg_init("u-show");
	ok(dates_agree(), "dates are those of gmtime_r");
	show_format_time(0, text);
	ok(strcmp(text, "1970-01-01T00:00:00Z") == 0, "the epoch");
	show_format_time(UINT64_MAX, text);
	ok(strlen(text) < SHOW_TIME_BYTES - 1, "a lie of a time fits as well");
	return done();
}
