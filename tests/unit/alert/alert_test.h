/* Includes and events that the tests of alert share. */
#ifndef ALERT_TEST_H
#define ALERT_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "alert/alert.h"

#define MINUTE_MS 60000LL
#define HOUR_MS   (60 * MINUTE_MS)
#define AT_0214   1717294440000LL /* 2024-06-02 02:14 UTC */
#define NO_RATES  NAN, NAN, NAN, NAN, NAN, NAN, NAN

/* 43 minutes after its onset at 02:14: 23 of 57 answers are detractors, normal is 16 %. */
static inline struct alert_event checkout(void)
{
	return (struct alert_event){
		.incident = 0x0123456789abcdef,
		.severity = ALERT_PAGE,
		.touchpoint = STR("checkout"),
		.label = STR("Checkout"),
		.at_ms = AT_0214 + 43 * MINUTE_MS,
		.raised_ms = AT_0214 + 43 * MINUTE_MS,
		.partition = 3,
		.number = 17,
		.figures = {.baseline_rate = 0.16,
			    .rate = 0.41,
			    .rate_low = 0.28,
			    .rate_high = 0.53,
			    .evidence_days = 43.2,
			    .nps_before = 42.5,
			    .nps_now = -3,
			    .responses = 57,
			    .detractors = 23,
			    .onset_ms = AT_0214},
	};
}

#endif
