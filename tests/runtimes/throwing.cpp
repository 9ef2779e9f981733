/* SPDX-License-Identifier: MIT */
/* Exceptions from libraries that come and go: throwing.so, and with -DPROGRAM its user. */
#include <cstdio>
#include <dlfcn.h>
#include <stdexcept>
#include <string>

#ifdef PROGRAM
int main(int, char **argv)
{
	std::string library = argv[0];
	int caught = 0;

	library += ".so";
	for (int i = 0; i < 50; i++) {
		void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
		void (*fail)(int);

		if (!handle) {
			std::puts(dlerror());
			return 1;
		}
		*reinterpret_cast<void **>(&fail) = dlsym(handle, "fail");
		try {
			fail(i);
		} catch (const std::out_of_range &what) {
			caught += std::stoi(what.what()) == i;
		}
		dlclose(handle);
	}
	std::printf("caught %d\n", caught);
	return 0;
}
#else
extern "C" void fail(int i)
{
	throw std::out_of_range(std::to_string(i));
}
#endif
