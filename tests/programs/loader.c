/* SPDX-License-Identifier: MIT */
/* Loads and unloads the libraries that are there, one at a time, all at once, and in a namespace of their own. */
#include <dlfcn.h>
#include <stdio.h>

enum { ROUNDS = 10, NR = 4 };

static const char *const names[NR] = { "libm.so.6", "libresolv.so.2", "libnss_files.so.2", "libanl.so.1" };

static int load_each(void)
{
	int loaded = 0;

	for (int i = 0; i < NR; i++) {
		void *library = dlopen(names[i], RTLD_NOW);

		loaded += library != NULL;
		if (library)
			dlclose(library);
	}
	return loaded;
}

static void load_all(void)
{
	void *libraries[NR];

	for (int i = 0; i < NR; i++)
		libraries[i] = dlopen(names[i], RTLD_LAZY);
	for (int i = 0; i < NR; i++) {
		if (libraries[i])
			dlclose(libraries[i]);
	}
}

int main(void)
{
	void *apart;
	int loaded = 0;

	for (int i = 0; i < ROUNDS; i++) {
		loaded += load_each();
		load_all();
	}
	apart = dlmopen(LM_ID_NEWLM, names[0], RTLD_NOW);
	if (apart)
		dlclose(apart);
	return loaded < ROUNDS;
}
