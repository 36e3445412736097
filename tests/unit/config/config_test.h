/* Reading configurations in the tests of pkg/config. */
#ifndef CONFIG_TEST_H
#define CONFIG_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#define SOURCE_LINE "sources: [{topic: feedback}]\n"

static inline struct config *must_read(const char *yaml)
{
	struct config_report report = {0};
	struct config *config = config_read(str_of(yaml), CONFIG_FOR_RUN, &report);
	if (config == NULL) {
		config_report_print(&report, "must_read", stderr);
		fail_msg("%s", yaml);
	}
	config_report_release(&report);
	return config;
}

#endif
