/* Bytes as they may lie in our own topics: whatever they are, what is read is safe to apply. */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "bundle/bundle.h"
#include "feedback/feedback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bundle(const struct bundle *b)
{
	must(b->head.version == BUNDLE_VERSION && b->head.shards > 0 &&
	     b->head.instance.len <= BUNDLE_NAME_MAX);
	for (uint32_t g = 0; g < b->groups_count; g++) {
		must(b->groups[g].touchpoint.len <= BUNDLE_NAME_MAX);
		for (size_t i = 0; i < b->groups[g].touchpoint.len; i++)
			must(b->groups[g].touchpoint.at[i] == b->groups[g].touchpoint.at[i]);
		for (uint32_t i = 0; i < b->groups[g].count; i++)
			must(b->groups[g].cells[i].touchpoint == g &&
			     b->groups[g].cells[i].ledger < LEDGERS && b->groups[g].cells[i].bin < BINS);
	}
}

static void check_journal(const struct bundle_journal *j)
{
	for (uint32_t i = 0; i < j->names_count; i++)
		must(j->names[i].len <= BUNDLE_NAME_MAX);
	for (uint32_t i = 0; i < j->entries_count; i++) {
		const struct response_entry *e = &j->entries[i];
		must(e->flags || e->fact.touchpoint < j->names_count);
		must(e->fact.ledger < LEDGERS && e->fact.bin < BINS && e->fact.bin >= BIN_NONE);
		must(e->updated_ms == RESPONSE_NO_VERSION ||
		     (e->updated_ms >= 0 && e->updated_ms <= RESPONSE_VERSION_MAX));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bundle_reader *reader;
	struct str bytes = {(const char *)data, size};
	struct bundle bundle;
	struct bundle_journal journal;
	if (reader == NULL)
		reader = bundle_reader_create();
	if (bundle_read(reader, bytes, &bundle))
		check_bundle(&bundle);
	if (bundle_read_journal(reader, bytes, &journal))
		check_journal(&journal);
	return 0;
}
