/* SPDX-License-Identifier: MIT */
/*
 * fuzz_lines.c - any text as JSON Lines. What is accepted is a sound trace; written out and read again it is
 * the same text.
 */
#include "fuzz.h"

#include "lines.h"

static bool has_no_end(const struct vmsc_trace *trace)
{
	return trace->truncated || !strncmp(trace->problem, "cut off: ", 9);
}

/* The lines of a trace in memory; the caller frees them. */
static char *write_lines(const struct vmsc_image *image, size_t *size)
{
	struct vmsc_trace trace;
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	REQUIRE(out, "no memory");
	REQUIRE(!vmsc_trace_open(&trace, image->data, image->size), "no trace was made");
	/* Lines may say in the first that there was an end, and have none. */
	if (!vmsc_lines_write(&trace, out))
		REQUIRE(has_no_end(&trace), trace.problem);
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmsc_image image, again;
	char *why = NULL, *first, *second;
	size_t first_size, second_size;

	if (!vmsc_lines_read((const char *)data, size, &image, &why)) {
		REQUIRE(why && !strncmp(why, "line ", 5), "refused without a word");
		free(why);
		return 0;
	}
	first = write_lines(&image, &first_size);
	free(image.data);
	if (!vmsc_lines_read(first, first_size, &again, &why)) {
		fprintf(stderr, "%s\n%s\n", why, first);
		REQUIRE(false, "what was written is not read");
	}
	second = write_lines(&again, &second_size);
	if (first_size != second_size || memcmp(first, second, first_size)) {
		fprintf(stderr, "%s\n%s\n", first, second);
		REQUIRE(false, "what was read again is written otherwise");
	}
	free(again.data);
	free(first);
	free(second);
	return 0;
}
