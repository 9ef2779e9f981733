/* SPDX-License-Identifier: MIT */
/*
 * test_replay.c - what the replay tells when model and kernel part, and what it takes over. replay_case.h has
 * the language of the rows.
 */
#include "replay_case.h"

/* clang-format off */
static const struct replay_case rows[] = {
	{ "the same",                                "aaa.bb", "", "aaa.bb", "" },
	{ "the same, nothing at all",                "", "", "", "" },
	{ "the same, neighbours that are alike",     "aaabb", "", "aaabb", "" },

	/* Nothing was called: whoever did it was not recorded. */
	{ "one ends earlier, one begins earlier",    "aaaa.bbb", "", "aa..bbbb", "missing 0-4/ outside; extra /4-8 outside" },
	{ "gone",                                    "aaa.bbb", "", "....bbb", "missing 0-3/ outside" },
	{ "all gone",                                "aaa.bbb", "", ".......", "missing 0-3/ outside; missing 4-7/ outside" },
	{ "come",                                    "aaa....", "", "aaa.bbb", "extra /4-7 outside" },
	{ "come, next to one",                       "aaa", "", "aaabbb", "extra /3-6 outside" },
	{ "come, into nothing",                      "", "", ".aa", "extra /1-3 outside" },
	{ "a hole",                                  "aaaaaa", "", "aa..bb", "missing 0-6/ outside" },
	{ "a hole filled",                           "aa..bb", "", "aaaaaa", "extra /0-6 outside" },
	{ "shifted",                                 "aaa...", "", ".aaa..", "missing 0-3/ outside" },
	{ "other permissions",                       "aaa", "", "bbb", "perms 0-3/0-3 outside", "b=r--" },
	{ "other permissions of a part",             "aaaa", "", "abba", "perms 0-4/1-3 outside", "b=r--" },
	{ "shared, not private",                     "aaa", "", "bbb", "perms 0-3/0-3 outside", "a=file@0 b=file@0,shared" },
	{ "another file",                            "aaa", "", "bbb", "file 0-3/0-3 outside", "a=file@0 b=file2@0" },
	{ "a file, not none",                        "aaa", "", "bbb", "file 0-3/0-3 outside", "b=file@0" },
	{ "none, not a file",                        "aaa", "", "bbb", "file 0-3/0-3 outside", "a=file@0" },
	{ "another place in the file",               "aaa", "", "bbb", "offset 0-3/0-3 outside", "a=file@0 b=file@1" },
	{ "the gravest is told, once for a cluster", "aaaaaa", "", "bb.ccc", "missing 0-6/ outside", "c=r--" },

	/* Without a call only the model can have cut or flagged wrongly. */
	{ "cut where the model has one",             "aaaa", "", "aabb", "boundary 0-4/0-2 call 0" },
	{ "one where the model has two",             "aabb", "", "aaaa", "boundary 0-2/0-4 call 0" },
	{ "cut elsewhere",                           "aabb", "", "abbb", "boundary 0-2/0-1 call 0" },
	{ "three cut elsewhere",                     "aabbcc", "", "abbbbc", "boundary 0-2/0-1 call 0" },
	{ "other flags",                             "aaa", "", "bbb", "flags 0-3/0-3 call 0", "b=DONTFORK" },
	{ "other flags of a part: the cut is told",  "aaaa", "", "aabb", "boundary 0-4/0-2 call 0", "b=DONTFORK" },
	{ "without smaps flags are not compared",    "aaa", "", "bbb", "", "b=DONTFORK", "aaa", .maps = true },
	{ "flags are learned when smaps can be read", "aaa", "", "bbb", "", "b=DONTFORK", .maps_first = true },
	{ "learned flags are compared",              "aaa", "", "bbb", "|flags 0-3/0-3 call 0", "b=DONTFORK c=RANDOM", .maps_first = true, .later = "ccc" },
	{ "without smaps permissions are compared",  "aaa", "", "bbb", "perms 0-3/0-3 outside", "b=r--", .maps = true },

	/* After calls: which one? */
	{ "predicted",                               "aaa", "mprotect 1+1 r--; munmap 2+1", "ab", "", "b=r--" },
	{ "the call did something else",             "aaaa", "munmap 1+1", "aa.b", "extra /0-2 call 1; missing 2-4/ outside" },
	{ "the call did nothing",                    "aaaa", "munmap 1+2", "aaaa", "extra /0-4 call 1", .left = "aaaa" },
	{ "the latest of two calls",                 "aaaa", "mprotect 0+4 r--; mprotect 1+2 rw-", "aaaa", "perms 0-1/0-4 call 1", "a=rw-" },
	{ "outside the call's memory",               "aaaa.bbb", "mprotect 0+1 r--", "baaa", "missing 5-8/ outside", "b=r--" },
	{ "a failed call may have done a part",      "aaa", "mmap 3+2 rw- noreplace = -ENOMEM", "aaabb", "extra /3-5 call 1" },
	{ "merged by the model, not by the kernel",  "aa..", "mmap 2+2 rw-", "aabb", "boundary 0-4/0-2 call 1" },
	{ "by births: the VMA is of that call",      "....", "mmap 0+4 rw-", "aa..", "missing 0-4/ call 1", .births = true },
	{ "by births: a VMA of before attach",       "aaaa", "munmap 0+1", ".aa.", "missing 1-4/ outside", .births = true },

	/* Only calls since all was last seen can explain what is seen now. */
	{ "explained by a call, and seen",           "aaaa", "munmap 1+1", "a.bb", "|extra /0-4 outside", .later = "aaaa" },
	{ "explained by a call, a window is not all", "aaaa", "munmap 1+1", "a.bb", "|extra /0-4 call 1", "", .window = "1+1", .later = "aaaa" },
	{ "undetermined, then as it was taken over", "aaaa", "munmap 1+1", "a..b", "|", "", .window = "1+2", .when = VMSC_WHEN_UNDETERMINED, .later = "a..b" },
	{ "told, and taken over",                    "aaaa", "", "a..b", "missing 0-4/ outside|missing 3-4/ outside", .later = "a" },
	{ "incomplete, then not",                    "aaaa", "munmap 1+1", "a.bb", "incomplete|", .damage = REPLAY_SHORT, .later = "a.bb" },
	{ "resumed, then something else",            "aaaa", "munmap 0+1", "bb.c", "|missing 3-4/ outside", .when = VMSC_WHEN_RESUME, .later = "bb" },

	/* Files that are no more than a number. */
	{ "a file is learned from what is seen",     "", "mmap 0+2 rw- file@0; mmap 4+2 rw- file@2", "aa..bb", "", "a=file@0 b=file@2", .strange_files = true },
	{ "what was learned holds",                  "", "mmap 0+2 rw- file@0; mmap 4+2 rw- file@2", "aa..bb", "file 4-6/4-6 call 2", "a=file@0 b=file2@2", .strange_files = true },
	{ "shared anonymous memory is learned",      "", "mmap 0+2 rw- shared", "aa", "", "a=driver@0,shared" },
	{ "opened twice, one inode: no difference",  "", "mmap 0+2 rw- file@0", "aa", "", "a=same@0" },

	/* Stacks grow without a call. */
	{ "a stack grew",                            "...ggg", "", ".GGGGG", "kernel-made 1", "g=GROWSDOWN" },
	{ "two stacks grew",                         "..gg...hh", "", ".GGG..HHH", "kernel-made 2", "g=GROWSDOWN h=GROWSDOWN" },
	{ "a stack grew and lost its end",           "...ggg", "", ".gggg.", "missing 3-6/ outside", "g=GROWSDOWN" },
	{ "a stack does not shrink",                 ".ggggg", "", "...ggg", "missing 1-6/ outside", "g=GROWSDOWN" },
	{ "what is no stack does not grow",          "...aaa", "", ".aaaaa", "extra /1-6 outside" },
	{ "a stack that grew is faulted no less",    "...GGG", "", ".GGGGG", "kernel-made 1", "g=GROWSDOWN" },
	{ "a stack does not grow over another VMA",  "aa.ggg", "", "aggggg", "extra /1-6 outside", "g=GROWSDOWN" },

	/* The recorder's own. */
	{ "own VMAs come",                           "aa", "", "aa.oo", "" },
	{ "own VMAs go",                             "aa.oo", "", "aa", "" },
	{ "own VMAs move",                           "aa.oo...", "", "aa...ooo", "" },
	{ "own VMAs have other permissions",         "aa.oo", "", "aa.qq", "", "q=r--" },
	{ "own VMAs beside others",                  "aao", "", "aaobb", "extra /3-5 outside" },
	{ "a hole where an own VMA was is nobody's", "aaoaa", "", "aa.aa", "" },
	{ "an own VMA's place is taken",             "aa.oo", "", "aa.bb", "extra /3-5 outside" },
	{ "an own VMA takes another's place",        "aa.bb", "", "aa.oo", "missing 3-5/ outside" },
	{ "one VMA where an own one was between",    "aoa", "", "aaa", "extra /0-3 outside" },
	{ "the program mapped over the recorder's",  "oooo", "mmap 1+2 rw-", "oaao", "", "o=DONTFORK" },

	/* Special mappings can't be split by calls; seen cut, they are cut. */
	{ "a special mapping is as it was",          "vv.a", "", "vv.a", "" },
	{ "a special mapping seen cut",              "vvvv", "", "vv..", "missing 0-4/ outside" },

	/* Windows, as --check=call makes them. */
	{ "what lies beside the window is not compared", "aa.bb.cc", "mprotect 3+2 r--", "...bb", "", "b=r--", "aa.bb.cc", "3+2" },
	{ "in the window",                           "aa.bb.cc", "mprotect 3+2 r--", "aa.dd.cc", "perms 3-5/3-5 call 1", "b=r-- d=rw-", "aa.dd.cc", "3+2" },
	{ "a VMA that reaches out of the window",    "aaaaaa", "mprotect 2+2 r--", "aabbaa", "", "b=r--", "aabbaa", "2+2" },
	{ "cut wrongly at the window's border",      "aaaaaa", "mprotect 2+2 r--", "aaaaaa", "perms 2-4/0-6 call 1", "", "aaaaaa", "2+2" },
	{ "in the hole of the window",               "aa....cc", "mmap 3+2 rw-", "aa.b..cc", "missing 3-5/ call 1", "", "aa.b..cc", "3+2" },
	{ "gone, in the window",                     "aa.bb.cc", "mprotect 3+1 r--", "aa....cc", "missing 3-4/ call 1; missing 4-5/ outside", "", "aa....cc", "3+2" },
	{ "cut at both borders of the window",       "aaaaaa", "mprotect 2+2 rw-", "aabbcc", "boundary 0-6/2-4 call 1", "", "aabbcc", "2+2" },
	{ "cut at one border of the window",         "aaaaaa", "mprotect 2+2 rw-", "aaaabb", "boundary 0-6/0-4 call 1", "", "aaaabb", "2+2" },
	{ "undetermined: cut at the window's border", "aaaaaa", "", "aabbcc", "", "", "aabbcc", "2+2", VMSC_WHEN_UNDETERMINED },
	{ "half of what is gone lies in the window", "aaaaaa", "", "", "missing 0-6/ outside", "", "aa..aa", "2+2" },
	{ "another window, elsewhere",               "aaaa....", "mprotect 0+1 r--", "....bbbb", "extra /4-8 outside", "d=r--", "daaabbbb", "4+4" },

	/* What the model could not know is taken over and not told. */
	{ "undetermined: gone",                      "aa.bb.cc", "", "aa....cc", "", "", "aa....cc", "3+2", VMSC_WHEN_UNDETERMINED },
	{ "undetermined: come",                      "aa....cc", "", "aa.bb.cc", "", "", "aa.bb.cc", "3+2", VMSC_WHEN_UNDETERMINED },
	{ "undetermined: cut",                       "aaaaaa", "", "aaabbb", "", "", "aaabbb", "2+2", VMSC_WHEN_UNDETERMINED },
	{ "undetermined: joined",                    "aaabbb", "", "aaaaaa", "", "", "aaaaaa", "2+2", VMSC_WHEN_UNDETERMINED },
	{ "undetermined: joined, one was faulted",   "aaaBBB", "", "AAAAAA", "", "", "AAAAAA", "2+2", VMSC_WHEN_UNDETERMINED },
	{ "undetermined: other flags",               "aaaaaa", "", "bbbbbb", "", "b=DONTFORK", "bbbbbb", "2+2", VMSC_WHEN_UNDETERMINED },
	{ "undetermined: beside the window nothing is taken over", "aaa...bbb", "", "aaa", "", "", "aaa...bbb", "1+1", VMSC_WHEN_UNDETERMINED },

	/* What is taken over keeps what the model alone knows. */
	{ "faulted, other permissions",              "AAA", "", "BBB", "perms 0-3/0-3 outside", "b=r--" },
	{ "faulted, now shared",                     "AAA", "", "bbb", "perms 0-3/0-3 outside", "a=file@0 b=file@0,shared" },
	{ "faulted, now shared, from maps",          "AAA", "", "bbb", "perms 0-3/0-3 outside", "a=file@0 b=file@0,shared", .maps = true },
	{ "shared, now private, from maps",          "aaa", "mprotect 0+3 r--; munmap 2+1", "bbb", "extra /0-3 call 2", "a=file@0,shared b=file@0", .maps = true },
	{ "faulted, cut",                            "AAAA", "", "AABB", "boundary 0-4/0-2 call 0" },
	{ "faulted, joined with one that is not",    "AAbb", "", "AAAA", "boundary 0-2/0-4 call 0" },
	{ "two that are faulted, joined",            "AABB", "", "AAAA", "boundary 0-2/0-4 call 0" },
	{ "not faulted, joined with one that is",    "aaBB", "", "AAAA", "boundary 0-2/0-4 call 0" },

	/* A forked child: the parent's VMAs, then what the kernel shows. */
	{ "forked: the same",                        "aa.BB", "", "aa.BB", "", .forked = true, .when = VMSC_WHEN_FORK },
	{ "forked: one is missing",                  "aa.BB", "", "aa", "missing 3-5/ outside", .forked = true, .when = VMSC_WHEN_FORK },
	{ "forked: the recorder's own stay behind",  "aa.oo.BB", "", "aa....BB", "", .forked = true, .when = VMSC_WHEN_FORK },
	{ "forked: a file of the parent's",          "aaa", "", "aaa", "", "a=file@3", .forked = true, .when = VMSC_WHEN_FORK },
	{ "forked: calls go on",                     "aaaa", "munmap 0+1", ".aaa", "", .forked = true },

	/* Recording begins anew after a pause. */
	{ "resumed: nothing is told",                "aa.bb", "", "cc..dddd", "", "c=r--", .when = VMSC_WHEN_RESUME },
	{ "resumed: what was faulted is not known any more", "AAA", "", "aaa", "", .when = VMSC_WHEN_RESUME },
	{ "resumed into nothing",                    "aa.bb", "", "", "", .when = VMSC_WHEN_RESUME },

	/* Snapshots that can't be believed change nothing. */
	{ "one VMA of the snapshot is missing",      "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_SHORT },
	{ "one too many",                            "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_LONG },
	{ "unsorted",                                "aa.bb", "", "aa.cc", "incomplete", .left = "aa.bb", .damage = REPLAY_UNSORTED },
	{ "an empty VMA",                            "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_REVERSED },
	{ "half a page",                             "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_MISALIGNED },
	{ "into the kernel's half",                  "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_TOO_HIGH },
	{ "resumed, and that could not be read",     "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .when = VMSC_WHEN_RESUME, .damage = REPLAY_TOO_HIGH },
	{ "begins anew at the next that can be read", "aa.bb", "", "aa", "incomplete|", .when = VMSC_WHEN_RESUME, .damage = REPLAY_SHORT, .later = "..cc.d" },
	{ "a range of nothing",                      "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_EMPTY },
	{ "of unknown kind",                         "aa.bb", "", "aa", "incomplete", .left = "aa.bb", .damage = REPLAY_WHEN },
	{ "without an end, then a sound one",        "aa.bb", "", "aa", "missing 3-5/ outside", .damage = REPLAY_ENDLESS },
	{ "without a beginning",                     "aa.bb", "", "aa", "", .left = "aa.bb", .damage = REPLAY_HEADLESS },
	{ "a window that is incomplete",             "aa.bb", "", "aa", "incomplete", "", "aa.bb", "0+5", .damage = REPLAY_SHORT },
	{ "an undetermined window that is incomplete", "aa.bb", "", "aa", "incomplete", "", "aa.bb", "0+5", VMSC_WHEN_UNDETERMINED, .damage = REPLAY_SHORT },
};
/* clang-format on */

int main(int argc, char **argv)
{
	return replay_main(argc, argv, rows, sizeof(rows) / sizeof(rows[0]));
}
