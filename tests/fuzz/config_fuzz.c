/* Any bytes as a configuration: mistakes are reported, nothing else happens. */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct config_report report = {0};
	struct config *config =
		config_read((struct str){(const char *)bytes, len}, CONFIG_FOR_REPLAY, &report);
	must((config == NULL) == (report.count > 0));
	config_destroy(config);
	config_report_release(&report);
	return 0;
}
