/*
 * The dead letters of a transaction. What was rejected may be larger than any record that we can write: then its headers say how large, and
 * only its beginning is kept, since a letter that can't be written would hold its lane for ever.
 */
#include "pipeline/pipeline_priv.h"

#include "base/number.h"

enum { HEADERS_MAX = 8, HEADER_FRAME = 10 }; /* two lengths */

void letter_fit(int64_t bytes_max, size_t headers, size_t *key, size_t *value)
{
	size_t room = bytes_max > 0 && headers < (size_t)bytes_max ? (size_t)bytes_max - headers : 0;
	if (*key + *value <= room)
		return;
	if (*key > room / 2)
		*key = room / 2;
	if (*value > room - *key)
		*value = room - *key;
}

struct header_list {
	struct kafka_header at[HEADERS_MAX];
	char numbers[HEADERS_MAX][NUMBER_BYTES];
	size_t count, bytes;
};

static void put(struct header_list *list, struct str name, struct str value)
{
	must(list->count < HEADERS_MAX);
	list->at[list->count++] = (struct kafka_header){name, value};
	list->bytes += name.len + value.len + HEADER_FRAME;
}

static void put_number(struct header_list *list, struct str name, int64_t value)
{
	char *text = list->numbers[list->count];
	put(list, name, (struct str){text, number_whole(text, value)});
}

static bool write_letter(struct lane *lane, const struct intake_letter *letter, const struct origin *o)
{
	const struct pipeline *p = lane->pipeline;
	struct header_list list = {.count = 0};
	put(&list, STR("topic"), str_of(p->setup.topics[o->topic]));
	put_number(&list, STR("partition"), o->partition);
	put_number(&list, STR("offset"), o->offset);
	put_number(&list, STR("timestamp"), o->timestamp_ms);
	put(&list, STR("reason"), str_of(feedback_reason_code(letter->reason)));
	put(&list, STR("sentence"), str_of(feedback_reason_sentence(letter->reason)));
	size_t key = o->key_len, value = letter->bytes.len;
	letter_fit(p->letter_bytes_max, list.bytes + 2 * (NUMBER_BYTES + 20), &key, &value);
	if (key < o->key_len || value < letter->bytes.len) {
		put_number(&list, STR("bytes"), (int64_t)letter->bytes.len);
		put_number(&list, STR("key_bytes"), (int64_t)o->key_len);
		metrics_add(lane->shard, METRIC_LETTERS_CUT, METRIC_ONLY, 1);
	}
	struct kafka_message m = {
		.topic = lane->letters,
		.partition = -1,
		.key = {o->has_key ? lane->keys + o->key_at : NULL, key},
		.value = {letter->bytes.at, value},
		.headers = list.at,
		.headers_count = list.count,
	};
	return lane_send(lane, &m);
}

bool lane_write_letters(struct lane *lane)
{
	for (unsigned i = 0; i < intake_letters(lane->intake); i++) {
		struct intake_letter letter = intake_letter(lane->intake, i);
		if (!write_letter(lane, &letter, &lane->origins[i]))
			return false;
	}
	return true;
}
