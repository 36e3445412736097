/*
 * feedback_decode against the slow decoder over jansson. The first byte chooses the shape, and whether the
 * code for this machine decodes or the one for any; bytes 0xff, which no message can hold, part the rest
 * into messages for one decoder, so that what it remembers of the last one is fuzzed as well.
 */
#include "../support/feedback_reference.h"
#include "feedback/feedback_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	if (size == 0 || size > 4096)
		return 0;
	const struct feedback_mapping *mapping = reference_mapping(data[0]);
	struct feedback_decoder *decoder = feedback_create(mapping, &err);
	if (data[0] & 2)
		decoder->decode = decode_message;
	for (const char *p = (const char *)data + 1, *end = (const char *)data + size; p < end;) {
		const char *stop = memchr(p, 0xff, (size_t)(end - p));
		struct str message = {p, (size_t)((stop ? stop : end) - p)};
		const char *difference = reference_disagrees(decoder, mapping, message);
		if (difference) {
			fprintf(stderr, "the decoders differ in %s: %.*s\n", difference, (int)message.len,
				message.at);
			abort();
		}
		p += message.len + 1;
	}
	feedback_destroy(decoder);
	return 0;
}
