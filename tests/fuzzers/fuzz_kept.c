/* SPDX-License-Identifier: MIT */
/*
 * fuzz_kept.c - any bytes as the file in which the launcher keeps rules, read inside the traced program.
 * First as they are, then as its names with a right checksum.
 */
#include "fuzz.h"

#include "vmascope/replay.h"
#include "vmascope/trace.h"

#define NAME "rules-6.18.0-0123abcd"

static bool parse(const char *text, size_t length)
{
	struct vmsc_kept_rules kept = {0};
	bool good = vmsc_kept_rules_parse(&kept, NAME, text, length);

	if (good) {
		REQUIRE(kept.names >= text && kept.names + kept.names_length < text + length,
			"names beyond the file");
		REQUIRE(!memchr(kept.names, '\n', kept.names_length), "a line's end in the names");
	}
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t head = strlen(VMSC_KEPT_RULES_HEAD), tail = 18;
	char *text = malloc(size ? size : 1), name[VMSC_KEPT_RULES_MAX];
	uint32_t check;

	REQUIRE(text, "no memory");
	memcpy(text, data, size);
	parse(text, size);
	free(text);
	text = malloc(head + size + tail + 2);
	REQUIRE(text, "no memory");
	memcpy(text, VMSC_KEPT_RULES_HEAD, head);
	memcpy(text + head, data, size);
	memcpy(text + head + size, "\n0000002a\n", 10);
	check = vmsc_kept_rules_check(NAME, text, head + size + 10);
	snprintf(text + head + size + 10, 10, "%08x\n", check);
	REQUIRE(parse(text, head + size + 19) == !memchr(data, '\n', size), "what was kept is not taken");
	text[size % (head + size + 19)] ^= 1;
	REQUIRE(!parse(text, head + size + 19), "damage is not noticed");
	free(text);
	/* The release is the kernel's word, and becomes a file's name. */
	text = malloc(size + 1);
	REQUIRE(text, "no memory");
	memcpy(text, data, size);
	text[size] = '\0';
	vmsc_kept_rules_name(name, text, text + size / 2);
	REQUIRE(strlen(name) < sizeof(name) && !strchr(name, '/'), "no name of a file");
	free(text);
	return 0;
}
