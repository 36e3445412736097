/* Bytes as they might lie in a checkpoint: whatever loads is saved as it was, and can be gone on with. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "spike/spike.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct spike_group group;
static struct spike_terms terms = {.ticket_days = 3, .page_days = 30, .group = &group};

static void step_both(struct spike *spike, struct spike_silence *silence)
{
	struct spike_event event;
	struct spike_reading reading;
	for (int i = 0; i < 24; i++) {
		int64_t at_ms = (spike ? spike->last_ms : silence->last_ms) + 10 * i * i * i;
		struct spike_moment moment = {
			.at_ms = at_ms, .hours = (uint32_t)(at_ms / 3600000), .hour = (uint8_t)i};
		if (spike) {
			spike_step(spike, &terms, &moment, (struct spike_batch){i * i, i}, &event);
			spike_correct(spike, at_ms - 1000 * i, (struct spike_batch){-(i % 2), i % 5 - 2});
			spike_read(spike, &reading);
		} else {
			spike_silence_step(silence, &terms, &moment, (struct spike_arrivals){i / 5, i == 7},
					   &event);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char out[SPIKE_GROUP_SAVED_MAX];
	struct spike spike;
	struct spike_silence silence;
	spike_group_init(&group, 0.15, 0);
	if (spike_load(&spike, data, size)) {
		must(spike_save(&spike, out) == size && memcmp(out, data, size) == 0);
		step_both(&spike, NULL);
	} else if (spike_silence_load(&silence, data, size)) {
		must(spike_silence_save(&silence, out) == size && memcmp(out, data, size) == 0);
		step_both(NULL, &silence);
	} else if (spike_group_load(&group, data, size)) {
		must(spike_group_save(&group, out) == size && memcmp(out, data, size) == 0);
	}
	return 0;
}
