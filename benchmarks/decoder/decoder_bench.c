/*
 * What reading one response of 277 bytes costs, beside simdjson On-Demand, jansson and memchr, in one run: rounds alternate, the
 * fastest round of each counts. Twice: members in one order, and in an order of its own in each message.
 *
 * Ours does more than the others in that time: it makes milliseconds of the time, a bin of the score, and a hash of the content.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "feedback/feedback.h"
#include "rivals.h"

#define MESSAGES 2000
#define BYTES	 277
#define STRIDE	 384 /* simdjson wants 64 bytes behind a message */
#define ROUNDS	 60
#define MEMBERS	 9

struct corpus {
	char *texts;
};

static uint64_t state = 20260301;

static uint32_t roll(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % below);
}

static void shuffle(unsigned *order, unsigned n)
{
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned other = roll(i + 1), kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
}

static void join(char *to, char (*parts)[160], unsigned n, bool shuffled)
{
	unsigned order[MEMBERS];
	for (unsigned i = 0; i < n; i++)
		order[i] = i;
	if (shuffled)
		shuffle(order, n);
	*to++ = '{';
	for (unsigned i = 0; i < n; i++)
		to += sprintf(to, "%s%s", i ? "," : "", parts[order[i]]);
	strcpy(to, "}");
}

/* One response in eight has an escape in its comment, one in eight a letter that is not ASCII. */
static void comment(char *to, unsigned len)
{
	static const char *const words[] = {"the",  "queue", "was", "long",  "but", "staff",
					    "were", "kind",  "and", "quick", "to",  "help"};
	unsigned at = (unsigned)sprintf(to, "%s",
					(const char *[]){"Said \\\"no\\\" ",
							 "Gr\xC3\xBC\xC3\x9F"
							 "e ",
							 "Well ", "So ", "Now ", "At the till ", "Again ",
							 "Today "}[roll(8)]);
	while (at < len)
		at += (unsigned)sprintf(to + at, "%s ", words[roll(12)]);
	at = len;
	while (((unsigned char)to[at - 1] & 0x80) || to[at - 1] == '\\')
		to[--at] = '.';
	to[len] = '\0';
}

/* All but the comment has a length of its own; the comment fills the message up to BYTES. */
static void write_message(char *to, bool shuffled)
{
	char members[MEMBERS][160], dims[3][160], text[BYTES + 200], long_comment[160] = "";
	sprintf(dims[0], "\"store\":\"S-%04u\"", roll(3000));
	sprintf(dims[1], "\"channel\":\"%s\"", (const char *[]){"web", "app", "email", "kiosk"}[roll(4)]);
	sprintf(dims[2], "\"team\":\"T%u\"", roll(30));
	sprintf(members[0], "\"id\":\"r-%010u\"", roll(1u << 31));
	sprintf(members[1], "\"time\":\"2026-%02u-%02uT%02u:%02u:%02u.%03uZ\"", 1 + roll(12), 1 + roll(28),
		roll(24), roll(60), roll(60), roll(1000));
	sprintf(members[2], "\"kind\":\"survey\"");
	sprintf(members[3], "\"touchpoint\":\"%s-%u\"",
		(const char *[]){"checkout", "check-in", "support", "delivery"}[roll(4)], roll(2500));
	sprintf(members[4], "\"score\":%u", roll(11));
	sprintf(members[6], "\"customer\":\"c%u\"", roll(10000000));
	join(members[7] + sprintf(members[7], "\"dims\":"), dims, 3, shuffled);
	sprintf(members[8], "\"source\":\"survey-tool\"");
	sprintf(members[5], "\"comment\":\"\"");
	join(text, members, MEMBERS, false);
	must(strlen(text) + 20 < BYTES);
	comment(long_comment, (unsigned)(BYTES - strlen(text)));
	sprintf(members[5], "\"comment\":\"%.140s\"", long_comment);
	join(text, members, MEMBERS, shuffled);
	must(strlen(text) == BYTES);
	memcpy(to, text, BYTES + 1);
}

static uint64_t ours(struct feedback_decoder *decoder, const char *message)
{
	struct feedback got;
	if (feedback_decode(decoder, (struct str){message, BYTES}, &got) != FEEDBACK_OK)
		return 0;
	return got.content + got.id.len + (uint64_t)got.bin + got.dims_count;
}

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

typedef uint64_t rival(const char *message, size_t len, size_t allocated);

static const struct {
	const char *name;
	rival *read; /* NULL: ours */
	bool simdjson, fixed_only;
} readers[] = {
	{"ours", NULL, false, false},
	{"simdjson_members", rival_simdjson_members, true, false},
	{"simdjson_ordered", rival_simdjson_ordered, true, true},
	{"jansson", rival_jansson, false, false},
	{"memchr", rival_memchr, false, false},
};
#define READERS (sizeof readers / sizeof *readers)

/* ns per message of one pass over all. */
static double pass(unsigned which, struct feedback_decoder *decoder, const char *texts)
{
	double from = now_ns();
	for (unsigned i = 0; i < MESSAGES; i++) {
		const char *message = texts + (size_t)i * STRIDE;
		must((readers[which].read ? readers[which].read(message, BYTES, STRIDE)
					  : ours(decoder, message)) != 0);
		if (i % 64 == 0)
			feedback_reset(decoder);
	}
	return (now_ns() - from) / MESSAGES;
}

static void measure(bool shuffled, double best[READERS])
{
	struct err err = {0};
	struct feedback_decoder *decoder = feedback_create(&(struct feedback_mapping){0}, &err);
	char *texts = must_array(MESSAGES, STRIDE);
	for (unsigned i = 0; i < MESSAGES; i++)
		write_message(texts + (size_t)i * STRIDE, shuffled);
	for (unsigned which = 0; which < READERS; which++)
		best[which] = 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned which = 0; which < READERS; which++) {
			if ((readers[which].fixed_only && shuffled) ||
			    (readers[which].simdjson && !rival_simdjson_ready()))
				continue;
			double ns = pass(which, decoder, texts);
			if (best[which] == 0 || ns < best[which])
				best[which] = ns;
		}
	}
	free(texts);
	feedback_destroy(decoder);
}

/* The faster of simdjson's two ways. */
static double simdjson_best(const double best[READERS])
{
	return best[2] > 0 && best[2] < best[1] ? best[2] : best[1];
}

static void print_json(const char *name, const double best[READERS], const char *end)
{
	printf("\"%s\": {", name);
	for (unsigned which = 0; which < READERS; which++)
		if (best[which] > 0)
			printf("\"%s_ns\": %.1f, \"%s_gb_s\": %.2f, ", readers[which].name, best[which],
			       readers[which].name, BYTES / best[which]);
	if (simdjson_best(best) > 0)
		printf("\"simdjson_ns\": %.1f, ", simdjson_best(best));
	printf("\"bytes\": %d}%s", BYTES, end);
}

static void print_table(const char *name, const double best[READERS])
{
	printf("%s, %d messages of %d bytes\n", name, MESSAGES, BYTES);
	for (unsigned which = 0; which < READERS; which++)
		if (best[which] > 0)
			printf("  %-18s %8.1f ns %7.2f GB/s  x %.2f\n", readers[which].name, best[which],
			       BYTES / best[which], best[which] / best[0]);
	if (simdjson_best(best) > 0)
		printf("  ours / simdjson    %8.2f\n", best[0] / simdjson_best(best));
}

int main(int argc, char **argv)
{
	double fixed[READERS], shuffled[READERS];
	measure(false, fixed);
	measure(true, shuffled);
	if (argc > 1 && strcmp(argv[1], "--json") == 0) {
		printf("{");
		print_json("fixed", fixed, ", ");
		print_json("shuffled", shuffled, "}\n");
	} else {
		print_table("members in one order", fixed);
		print_table("members in any order", shuffled);
	}
	return 0;
}
