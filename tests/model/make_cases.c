/* SPDX-License-Identifier: MIT */
/*
 * make_cases.c - cases that no drawing can tell: reads lines of a corpus (only case, layout, files and steps
 * count) on stdin and writes them with what the model says under every release.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

static const struct vmsc_limits limits = {.max_map_count = 65530,
					  .as = UINT64_MAX,
					  .data = UINT64_MAX,
					  .stack = 8 << 20,
					  .memlock = UINT64_MAX,
					  .ipc_lock = true,
					  .mmap_min_addr = 65536,
					  .stack_guard_gap = 256 * VMSC_PAGE_SIZE};

static bool write_line(const json_t *line)
{
	const json_t *steps = json_object_get(line, "steps");
	const char *name = json_string_value(json_object_get(line, "case"));
	struct vmsc_script script;
	char *why = NULL;
	bool good;

	vmsc_script_init(&script);
	script.limits = limits;
	good = name && vmsc_script_read_header(&script, line, &why);
	for (size_t i = 0; good && i < json_array_size(steps); i++)
		good = vmsc_script_read_step(&script, json_array_get(steps, i), &why);
	if (good && script.nr == json_array_size(steps))
		vectors_write(name, &script, json_string_value(json_object_get(line, "needs")));
	else
		fprintf(stderr, "make_cases: %s: %s\n", name ? name : "no name",
			why ? why : "impossible steps");
	good = good && script.nr == json_array_size(steps);
	free(why);
	vmsc_script_free(&script);
	return good;
}

int main(void)
{
	char *text = NULL;
	size_t room = 0;
	bool good = true;

	while (getline(&text, &room, stdin) > 0) {
		json_error_t error;
		json_t *line = json_loads(text, 0, &error);

		if (!line)
			fprintf(stderr, "make_cases: no JSON: %s\n", error.text);
		good = line && write_line(line) && good;
		json_decref(line);
	}
	free(text);
	return good ? 0 : 1;
}
