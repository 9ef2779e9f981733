/* SPDX-License-Identifier: MIT */
/*
 * corpus_main.c - a target without libFuzzer: runs it once over each file, and over each file of each folder.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static size_t nr_files;

static bool run_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, got;

	if (!in)
		return false;
	do {
		data = realloc(data, size + 65536);
		got = fread(data + size, 1, 65536, in);
		size += got;
	} while (got);
	fclose(in);
	data = realloc(data, size ? size : 1); /* so that a byte beyond it is found */
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	nr_files++;
	return true;
}

static bool run_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	char file[4096];
	bool good = folder;

	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		good &= run_file(file);
	}
	if (folder)
		closedir(folder);
	return good;
}

int main(int argc, char **argv)
{
	struct stat about;
	bool good = true;

	for (int i = 1; i < argc; i++) {
		bool is_folder = !stat(argv[i], &about) && S_ISDIR(about.st_mode);

		if (is_folder ? run_folder(argv[i]) : run_file(argv[i]))
			continue;
		fprintf(stderr, "%s: can't read\n", argv[i]);
		good = false;
	}
	printf("%zu files\n", nr_files);
	return !good || !nr_files;
}
