/* SPDX-License-Identifier: MIT */
/*
 * fuzz_summary.c - any text as two summaries, one a line, as `vmascope merge` takes them: in whatever order
 * they are merged it comes to the same, and what is written is read again.
 */
#include "fuzz.h"

#include "summary.h"

static bool read_text(struct vmsc_summary *summary, const char *text, size_t size)
{
	json_error_t error;
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	const char *why = NULL;
	bool good = object && vmsc_summary_read(summary, object, &why);

	REQUIRE(good || !object || why, "refused without a word");
	json_decref(object);
	return good;
}

static char *text_of(const struct vmsc_summary *summary)
{
	json_t *object = vmsc_summary_json(summary);
	char *text = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	REQUIRE(text, "not written");
	return text;
}

/* The texts of @nr of the @parts, merged from the first or from the last on. */
static char *merge(struct vmsc_summary *parts, size_t nr, bool backwards)
{
	struct vmsc_summary sum;
	char *text;

	vmsc_summary_begin(&sum);
	for (size_t i = 0; i < nr; i++)
		vmsc_summary_merge(&sum, &parts[backwards ? nr - 1 - i : i]);
	text = text_of(&sum);
	vmsc_summary_free(&sum);
	return text;
}

static void compare(struct vmsc_summary *parts, size_t nr)
{
	char *one = merge(parts, nr, false), *other = merge(parts, nr, true), *again;
	struct vmsc_summary sum;

	if (strcmp(one, other) != 0)
		fprintf(stderr, "%s\n%s\n", one, other);
	REQUIRE(!strcmp(one, other), "the order changes the sum");
	vmsc_summary_begin(&sum);
	REQUIRE(read_text(&sum, one, strlen(one)), "what was written is not read");
	again = text_of(&sum);
	REQUIRE(!strcmp(one, again), "what was read is written otherwise");
	vmsc_summary_free(&sum);
	free(one);
	free(other);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *cut = size ? memchr(text, '\n', size) : NULL;
	static struct vmsc_summary parts[2];
	size_t nr = 0, length = cut ? (size_t)(cut - text) : size;

	vmsc_summary_begin(&parts[0]);
	vmsc_summary_begin(&parts[1]);
	nr += read_text(&parts[0], text, length);
	if (cut && nr)
		nr += read_text(&parts[1], cut + 1, size - length - 1);
	if (nr)
		compare(parts, nr);
	vmsc_summary_free(&parts[0]);
	vmsc_summary_free(&parts[1]);
	return 0;
}
