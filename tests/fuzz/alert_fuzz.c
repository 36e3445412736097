/* Any bytes as an event of an alert: what is read can be told, and reads back as the same text. */
#include <stdint.h>
#include <string.h>

#include "alert/alert.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static char first[1 << 16], second[1 << 16];
	struct option_pool pool = {0};
	struct alert_event event;
	if (alert_read(&event, (struct str){(const char *)bytes, len}, &pool)) {
		size_t written = alert_json(first, sizeof first, &event, 7200);
		must(written > 0 && alert_read(&event, (struct str){first, written}, &pool));
		must(alert_json(second, sizeof second, &event, 7200) == written);
		must(memcmp(first, second, written) == 0);
	}
	option_pool_release(&pool);
	return 0;
}
