/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debian 13's libelf.a (elfutils 0.192) calls these two functions and lacks them: they are
 * in elfutils' internal library, which libelf-dev does not ship.  They begin and end the
 * search tree of what elf_getdata_rawchunk(3) has read.  nsb never calls that one, so the
 * tree is empty at all times, and elf_begin(3) has zeroed the memory that it lies in.  If
 * nsb did, the link would fail, for want of the functions that fill the tree.
 *
 * The linker asks libnsb.a after it is through with libelf.a: where libelf.a has these
 * functions itself (elfutils 0.196 for example), they are the ones that are linked.
 */
void eu_search_tree_init(void *tree);
void eu_search_tree_fini(void *tree, void (*free_node)(void *node));

void eu_search_tree_init(void *tree)
{
	(void)tree;
}

void eu_search_tree_fini(void *tree, void (*free_node)(void *node))
{
	(void)tree;
	(void)free_node;
}
