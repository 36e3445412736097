/* Bytes as they might lie in Redis: as a checkpoint, and, so that no checksum stands in the way, as a
 * slot of windows. Whatever loads must then work: take cells, follow the clock, and save to bytes that
 * load to the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "checkpoint/checkpoint.h"
#include "window/window.h"

#define NOW_S 1717243200

static struct windows *opened(const struct zone *zone)
{
	static const int64_t lengths[] = {300, 3600, 86400, 0};
	struct window_options options = {.count = 4, .slots_max = LEDGERS};
	for (unsigned i = 0; i < options.count; i++)
		options.specs[i].length_s = lengths[i];
	struct windows *w = windows_create(&options, (int64_t)NOW_S * 1000);
	for (unsigned ledger = 0; ledger < LEDGERS; ledger++)
		windows_open(w, ledger, zone);
	return w;
}

static void work(struct windows *w, const struct zone *zone, uint32_t slot)
{
	static unsigned char first[1 << 20], second[1 << 20];
	size_t len = windows_save(w, slot, first, sizeof first);
	if (len) {
		struct windows *other = opened(zone);
		must(windows_load(other, slot, first, len));
		must(windows_save(other, slot, second, sizeof second) == len);
		must(memcmp(first, second, len) == 0);
		windows_destroy(other);
	}
	windows_add(w, slot, NOW_S - 10, 1, -1000);
	windows_add(w, slot, NOW_S - 10, 2, 1000);
	for (int step = 0; step < 20; step++) {
		struct window_pane panes[WINDOW_PANES_MAX];
		for (unsigned which = 0; which < 4; which++) {
			windows_series(w, slot, which, panes);
			windows_next_ms(w, slot, which);
		}
		windows_advance(w, windows_to_ms(w) + ((int64_t)1000 << step));
	}
	windows_empty(w, slot);
}

static bool on_section(void *context, uint32_t kind, const unsigned char *bytes, size_t len)
{
	uint64_t *sum = context;
	for (size_t i = 0; i < len; i++)
		*sum += kind * bytes[i]; /* every byte is there to be read */
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct zone *zone;
	struct err err = {0};
	if (zone == NULL)
		zone = zone_open("Europe/Berlin", &err);
	must(zone);
	struct checkpoint_head head;
	uint64_t sum = 0;
	(void)checkpoint_read((struct str){(const char *)bytes, len}, &head, on_section, &sum);
	struct windows *w = opened(zone);
	uint32_t slot = len > 1 ? bytes[1] % LEDGERS : 0; /* where the ledger stands */
	if (windows_load(w, slot, bytes, len))
		work(w, zone, slot);
	else
		must(windows_empty(w, slot));
	windows_destroy(w);
	return 0;
}
