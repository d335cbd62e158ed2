/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runs, as a B+ tree of words (first page << 12 | class) in ascending order, the first
 * of which is page 0's. Each inner entry knows the longest usable run below it, which makes
 * "the highest run that fits" one way down. Nodes are split on the way down, before they
 * are full, and merged after they became sparse.
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

#define LEAF_MAX  (sizeof((struct mem_leaf){0}.word) / sizeof(uint64_t))
#define INNER_MAX (sizeof((struct mem_inner){0}.max) / sizeof(uint64_t))
#define EDIT_MAX  2U /* words that one edit puts into a leaf */

static uint64_t word(uint64_t page, uint32_t class)
{
	return page << CLASS_BITS | class;
}

static uint64_t page_of(uint64_t word)
{
	return word >> CLASS_BITS;
}

static uint32_t class_of(uint64_t word)
{
	return word % CLASS_COUNT;
}

static uint32_t inner_find(const struct mem_inner *inner, uint64_t page)
{
	uint32_t at = 0;

	while (at + 1 < inner->n && inner->first[at + 1] <= page)
		at++;
	return at;
}

/* The number of words in @leaf that begin at @page or before. */
static uint32_t leaf_find(const struct mem_leaf *leaf, uint64_t page)
{
	const uint64_t last = word(page, CLASS_COUNT - 1);
	uint32_t at = 0, n = leaf->n;

	while (n > 1) {
		const uint32_t half = n / 2;

		at = leaf->word[at + half - 1] <= last ? at + half : at;
		n -= half;
	}
	return at + (n == 1 && leaf->word[at] <= last);
}

/* A leaf is a miss of the cache for each of its lines, unless they come all at once. */
static void fetch(const void *node)
{
	for (uint32_t i = 0; i < NODE_BYTES; i += 64)
		__builtin_prefetch((const uint8_t *)node + i);
}

static void descend(const struct rts_mem *m, uint64_t page, struct mem_place *ret)
{
	uint32_t node = m->root;

	ret->end = SPACE_PAGES;
	for (uint32_t l = 0; l < m->height; l++) {
		struct mem_inner *inner = mem_node(m, node);
		const uint32_t at = inner_find(inner, page);

		if (at + 1 < inner->n)
			ret->end = inner->first[at + 1];
		ret->level[l].inner = inner;
		ret->level[l].at = at;
		node = inner->child[at];
		fetch(mem_node(m, node));
	}
	ret->node = node;
	ret->leaf = mem_node(m, node);
	ret->first = page_of(ret->leaf->word[0]);
	ret->run.end = 0;
}

/* The leaf that has @page. */
static struct mem_place *seek(struct rts_mem *m, uint64_t page)
{
	struct mem_place *p = &m->place;

	if (page < p->first || page >= p->end)
		descend(m, page, p);
	return p;
}

/* Nodes are about to change. */
static void lose(struct rts_mem *m)
{
	m->place.end = 0;
	m->place.run.end = 0;
}

/* And the run. */
static struct mem_place *seek_run(struct rts_mem *m, uint64_t page)
{
	struct mem_place *p = &m->place;
	const struct mem_leaf *leaf;
	uint32_t i;

	if (page >= p->run.first && page < p->run.end)
		return p;
	leaf = seek(m, page)->leaf;
	i = leaf_find(leaf, page);
	p->i = i;
	p->run = (struct mem_run){
		.first = page_of(leaf->word[i - 1]),
		.end = i < leaf->n ? page_of(leaf->word[i]) : p->end,
		.class = class_of(leaf->word[i - 1]),
	};
	return p;
}

struct mem_run mem_tree_run(struct rts_mem *m, uint64_t page)
{
	return seek_run(m, page)->run;
}

/* The longest usable run of a leaf whose pages end at @end. */
static uint64_t leaf_max(const struct mem_leaf *leaf, uint64_t end)
{
	uint64_t max = 0;

	for (uint32_t i = leaf->n; i-- > 0;) {
		const uint64_t first = page_of(leaf->word[i]);

		if ((leaf->word[i] & CLASS_USABLE) != 0 && end - first > max)
			max = end - first;
		end = first;
	}
	return max;
}

static uint64_t inner_max(const struct mem_inner *inner)
{
	uint64_t max = 0;

	for (uint32_t i = 0; i < inner->n; i++)
		max = inner->max[i] > max ? inner->max[i] : max;
	return max;
}

/* Tells the inner nodes above @p that its leaf's longest run is @max now. */
static void refresh(const struct rts_mem *m, const struct mem_place *p, uint64_t max)
{
	for (uint32_t l = m->height; l-- > 0;) {
		struct mem_inner *inner = p->level[l].inner;
		uint64_t *old = &inner->max[p->level[l].at];

		if (*old == max)
			return;
		*old = max;
		max = inner_max(inner);
	}
}

/* Nodes. */

static void inner_insert(struct mem_inner *inner, uint32_t at, uint32_t child,
			 uint64_t first, uint64_t max)
{
	const size_t tail = inner->n - at;

	memmove(inner->child + at + 1, inner->child + at, tail * sizeof *inner->child);
	memmove(inner->first + at + 1, inner->first + at, tail * sizeof *inner->first);
	memmove(inner->max + at + 1, inner->max + at, tail * sizeof *inner->max);
	inner->child[at] = child;
	inner->first[at] = first;
	inner->max[at] = max;
	inner->n++;
}

static void inner_remove(struct mem_inner *inner, uint32_t at)
{
	const size_t tail = --inner->n - at;

	memmove(inner->child + at, inner->child + at + 1, tail * sizeof *inner->child);
	memmove(inner->first + at, inner->first + at + 1, tail * sizeof *inner->first);
	memmove(inner->max + at, inner->max + at + 1, tail * sizeof *inner->max);
}

/* Moves the entries of @from that begin at @at to the end of @to. */
static void inner_move(struct mem_inner *to, struct mem_inner *from, uint32_t at)
{
	const size_t n = from->n - at;

	memcpy(to->child + to->n, from->child + at, n * sizeof *to->child);
	memcpy(to->first + to->n, from->first + at, n * sizeof *to->first);
	memcpy(to->max + to->n, from->max + at, n * sizeof *to->max);
	to->n += (uint32_t)n;
	from->n = at;
}

static void leaf_move(struct mem_leaf *to, struct mem_leaf *from, uint32_t at)
{
	const size_t n = from->n - at;

	memcpy(to->word + to->n, from->word + at, n * sizeof *to->word);
	to->n += (uint32_t)n;
	from->n = at;
}

/* Splits the child at @at of @inner, which has room; the child's pages end at @end. */
static void split(struct rts_mem *m, struct mem_inner *inner, uint32_t at, bool is_leaf,
		  uint64_t end)
{
	const uint32_t node = mem_node_new(m);
	uint64_t first, left, right;

	if (is_leaf) {
		struct mem_leaf *a = mem_node(m, inner->child[at]), *b = mem_node(m, node);

		leaf_move(b, a, a->n / 2);
		b->next = a->next;
		a->next = node;
		first = page_of(b->word[0]);
		left = leaf_max(a, first);
		right = leaf_max(b, end);
	} else {
		struct mem_inner *a = mem_node(m, inner->child[at]), *b = mem_node(m, node);

		inner_move(b, a, a->n / 2);
		first = b->first[0];
		left = inner_max(a);
		right = inner_max(b);
	}
	inner->max[at] = left;
	inner_insert(inner, at + 1, node, first, right);
}

static bool is_full(const struct rts_mem *m, uint32_t node, bool is_leaf)
{
	return is_leaf ? ((struct mem_leaf *)mem_node(m, node))->n > LEAF_MAX - EDIT_MAX
		       : ((struct mem_inner *)mem_node(m, node))->n == INNER_MAX;
}

/* Makes room for an edit in the leaf that has @page. */
static void grow(struct rts_mem *m, uint64_t page)
{
	uint64_t end = SPACE_PAGES;
	uint32_t node = m->root;

	lose(m);
	if (is_full(m, m->root, m->height == 0)) {
		node = mem_node_new(m);
		/* its maximum comes with the split */
		inner_insert(mem_node(m, node), 0, m->root, 0, 0);
		m->root = node;
		m->height++;
	}
	for (uint32_t l = 0; l < m->height; l++) {
		struct mem_inner *inner = mem_node(m, node);
		uint32_t at = inner_find(inner, page);
		const bool is_leaf = l + 1 == m->height;

		if (is_full(m, inner->child[at], is_leaf)) {
			split(m, inner, at, is_leaf,
			      at + 1 < inner->n ? inner->first[at + 1] : end);
			at += inner->first[at + 1] <= page;
		}
		if (at + 1 < inner->n)
			end = inner->first[at + 1];
		node = inner->child[at];
	}
}

/* Merges the child at @at + 1 into the one at @at, if both fit well. */
static bool merge(struct rts_mem *m, struct mem_inner *inner, uint32_t at, bool is_leaf)
{
	void *a = mem_node(m, inner->child[at]), *b = mem_node(m, inner->child[at + 1]);

	if (is_leaf) {
		struct mem_leaf *left = a, *right = b;

		if (left->n + right->n > LEAF_MAX * 3 / 4)
			return false;
		leaf_move(left, right, 0);
		left->next = right->next;
	} else {
		struct mem_inner *left = a, *right = b;

		if (left->n + right->n > INNER_MAX * 3 / 4)
			return false;
		inner_move(left, right, 0);
	}
	if (inner->max[at + 1] > inner->max[at])
		inner->max[at] = inner->max[at + 1];
	mem_node_free(m, inner->child[at + 1]);
	inner_remove(inner, at + 1);
	return true;
}

static bool is_sparse(const struct rts_mem *m, uint32_t node, bool is_leaf)
{
	return is_leaf ? ((struct mem_leaf *)mem_node(m, node))->n < LEAF_MAX / 4
		       : ((struct mem_inner *)mem_node(m, node))->n < INNER_MAX / 4;
}

/* Merges the sparse nodes on the way to @page with their neighbours. */
static void shrink(struct rts_mem *m, uint64_t page)
{
	uint32_t node = m->root;

	lose(m);
	for (uint32_t l = 0; l < m->height; l++) {
		struct mem_inner *inner = mem_node(m, node);
		uint32_t at = inner_find(inner, page);
		const bool is_leaf = l + 1 == m->height;

		if (is_sparse(m, inner->child[at], is_leaf)) {
			if (at + 1 < inner->n)
				merge(m, inner, at, is_leaf);
			if (at > 0 && merge(m, inner, at - 1, is_leaf))
				at--;
		}
		node = inner->child[at];
	}
	while (m->height > 0) {
		const struct mem_inner *inner = mem_node(m, m->root);
		const uint32_t only = inner->child[0];

		if (inner->n > 1)
			return;
		mem_node_free(m, m->root);
		m->root = only;
		m->height--;
	}
}

/* Edits. */

static void refer(const struct rts_mem *m, uint64_t word)
{
	mem_class(m, class_of(word))->refs++;
}

static void forget(const struct rts_mem *m, uint64_t word)
{
	mem_class(m, class_of(word))->refs--;
}

/* Whether an entry of the map begins where a run of @class follows one of @before. */
static bool border(const struct rts_mem *m, uint32_t before, uint32_t class)
{
	const struct mem_class *c = mem_class(m, class);

	return !c->hidden && !mem_class_alike(mem_class(m, before), c);
}

/* How many begin with @words, which follow a run of @before. */
static uint64_t borders(const struct rts_mem *m, uint32_t before, const uint64_t *words,
			size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++) {
		count += border(m, before, class_of(words[i]));
		before = class_of(words[i]);
	}
	return count;
}

/* Lets the last run of @leaf, which ends at @end, reach over the run after it, in the next
 * leaf. The caller refreshes @leaf. */
static void drop(struct rts_mem *m, struct mem_leaf *leaf, uint64_t end)
{
	const uint32_t before = class_of(leaf->word[leaf->n - 1]);
	const uint64_t *next = NULL;
	struct mem_place p;
	uint64_t gone, max, first;
	uint32_t l = m->height;

	lose(m);
	descend(m, end, &p);
	gone = p.leaf->word[0];
	if (p.leaf->n > 1)
		next = &p.leaf->word[1];
	else if (p.leaf->next != 0)
		next = ((struct mem_leaf *)mem_node(m, p.leaf->next))->word;
	m->entries -= borders(m, before, &gone, 1);
	if (next != NULL) {
		m->entries -= borders(m, class_of(gone), next, 1);
		m->entries += borders(m, before, next, 1);
	}
	forget(m, gone);

	if (p.leaf->n > 1) {
		p.leaf->n--;
		memmove(p.leaf->word, p.leaf->word + 1, p.leaf->n * sizeof *p.leaf->word);
		first = page_of(p.leaf->word[0]);
		max = leaf_max(p.leaf, p.end);
	} else {
		/* The leaf goes, and with it inner nodes that led to it alone. */
		uint32_t node = p.node;

		leaf->next = p.leaf->next;
		do {
			mem_node_free(m, node);
			l--;
			node = l > 0 ? p.level[l - 1].inner->child[p.level[l - 1].at] : 0;
			inner_remove(p.level[l].inner, p.level[l].at);
		} while (p.level[l].inner->n == 0);
		first = p.level[l].inner->first[0];
		max = inner_max(p.level[l].inner);
	}
	for (bool moved = first > end; l-- > 0;) {
		struct mem_inner *inner = p.level[l].inner;
		const uint32_t at = p.level[l].at;

		inner->max[at] = max;
		if (moved)
			inner->first[at] = first;
		moved = moved && at == 0;
		max = inner_max(inner);
	}
}

/* The longest usable run among the words [@i, @end) of a leaf. */
static uint64_t longest(const struct mem_place *p, uint32_t i, uint32_t end)
{
	const struct mem_leaf *leaf = p->leaf;
	uint64_t max = 0;

	for (; i < end; i++) {
		const uint64_t last = i + 1 < leaf->n ? page_of(leaf->word[i + 1]) : p->end;

		if ((leaf->word[i] & CLASS_USABLE) != 0 &&
		    last - page_of(leaf->word[i]) > max)
			max = last - page_of(leaf->word[i]);
	}
	return max;
}

/* Replaces @del words of the leaf at @i by @n others. @before: the class of the run before
 * them. @max: the leaf's longest run up to now; UINT64_MAX: not known. */
static void edit(struct rts_mem *m, struct mem_place *p, uint32_t i, uint32_t before,
		 uint32_t del, const uint64_t *words, uint32_t n, uint64_t max)
{
	struct mem_leaf *leaf = p->leaf;
	const uint32_t from = i - (i > 0); /* the run before may end elsewhere now */
	const uint64_t *next = NULL;
	uint64_t gone = longest(p, from, i + del), come;

	if (i + del < leaf->n)
		next = leaf->word + i + del;
	else if (leaf->next != 0)
		next = ((struct mem_leaf *)mem_node(m, leaf->next))->word;
	m->entries -= borders(m, before, leaf->word + i, del);
	m->entries += borders(m, before, words, n);
	if (next != NULL) {
		m->entries -= borders(
			m, del > 0 ? class_of(leaf->word[i + del - 1]) : before, next, 1);
		m->entries += borders(m, n > 0 ? class_of(words[n - 1]) : before, next, 1);
	}
	for (uint32_t k = 0; k < n; k++)
		refer(m, words[k]);
	for (uint32_t k = 0; k < del; k++)
		forget(m, leaf->word[i + k]);
	if (n != del)
		memmove(leaf->word + i + n, leaf->word + i + del,
			(leaf->n - i - del) * sizeof *leaf->word);
	for (uint32_t k = 0; k < n; k++)
		leaf->word[i + k] = words[k];
	leaf->n += n - del;
	p->run.end = 0;
	come = longest(p, from, i + n);
	if (max == UINT64_MAX || (gone == max && come < max))
		max = leaf_max(leaf, p->end);
	else if (come > max)
		max = come;
	refresh(m, p, max);
}

void mem_tree_set(struct rts_mem *m, uint64_t first, uint64_t end, uint32_t class)
{
	/* Words change behind the run of the page before @first, which page 0 lacks. */
	uint64_t anchor = first - (first != 0), tail_end, max = UINT64_MAX, words[EDIT_MAX];
	uint32_t before = CLASS_HOLE, tail, i = 0, del = 0, n = 0;
	bool dropped = false;
	struct mem_place *p;

	if (first == 0) {
		p = seek(m, 0);
	} else {
		p = seek_run(m, anchor);
		i = p->i;
		before = p->run.class;
		/* A word that begins a leaf is changed where it is, so that changing a
		 * range run by run needs room at its two ends only. */
		if (first == p->end && before != class) {
			anchor = first;
			p = seek(m, anchor);
			i = 0;
		}
	}
	if (first == 0 || before != class)
		words[n++] = word(first, class);
	while (i + del < p->leaf->n && page_of(p->leaf->word[i + del]) < end)
		del++;
	if (i + del < p->leaf->n || p->end >= end) {
		tail = class_of(p->leaf->word[i + del - 1]);
		tail_end = i + del < p->leaf->n ? page_of(p->leaf->word[i + del]) : p->end;
	} else {
		const struct mem_run run = mem_tree_run(m, end - 1);

		tail = run.class;
		tail_end = run.end;
		p = seek(m, anchor);
	}
	if (tail_end > end && tail != class)
		words[n++] = word(end, tail);
	if (p->leaf->n + n - del > LEAF_MAX) {
		grow(m, anchor);
		mem_tree_set(m, first, end, class);
		return;
	}
	if (i + del < p->leaf->n)
		del += p->leaf->word[i + del] == word(end, class);
	while (p->end < end || (p->end == end && p->leaf->next != 0 &&
				((struct mem_leaf *)mem_node(m, p->leaf->next))->word[0] ==
					word(end, class))) {
		drop(m, p->leaf, p->end);
		p = seek(m, anchor);
		dropped = true;
	}
	if (!dropped && m->height > 0)
		max = p->level[m->height - 1].inner->max[p->level[m->height - 1].at];
	edit(m, p, i, before, del, words, n, max);
	if (p->leaf->n < LEAF_MAX / 4 && m->height > 0)
		shrink(m, anchor);
}

/* Search. */

static bool find_in_leaf(struct mem_place *p, uint64_t pages, uint64_t below)
{
	const struct mem_leaf *leaf = p->leaf;
	uint64_t end = p->end;

	for (uint32_t i = leaf->n; i-- > 0;) {
		const uint64_t first = page_of(leaf->word[i]);
		const uint64_t last = end < below ? end : below;

		if ((leaf->word[i] & CLASS_USABLE) != 0 && last >= first &&
		    last - first >= pages) {
			p->run = (struct mem_run){first, end, class_of(leaf->word[i])};
			p->i = i + 1;
			return true;
		}
		end = first;
	}
	return false;
}

/* Below @node, whose pages end at @end. */
static bool find_in(struct rts_mem *m, uint32_t node, uint32_t l, uint64_t end,
		    uint64_t pages, uint64_t below)
{
	struct mem_inner *inner = mem_node(m, node);
	struct mem_place *p = &m->place;

	if (l == m->height) {
		p->node = node;
		p->leaf = mem_node(m, node);
		p->first = page_of(p->leaf->word[0]);
		p->end = end;
		return find_in_leaf(p, pages, below);
	}
	p->level[l].inner = inner;
	for (uint32_t i = inner->n; i-- > 0;) {
		if (inner->max[i] >= pages && inner->first[i] < below) {
			fetch(mem_node(m, inner->child[i]));
			p->level[l].at = i;
			if (find_in(m, inner->child[i], l + 1, end, pages, below))
				return true;
		}
		end = inner->first[i];
	}
	return false;
}

bool mem_tree_find(struct rts_mem *m, uint64_t pages, uint64_t below, struct mem_run *ret)
{
	if (!find_in(m, m->root, 0, SPACE_PAGES, pages, below)) {
		lose(m);
		return false;
	}
	*ret = m->place.run;
	return true;
}

const struct mem_leaf *mem_tree_first(const struct rts_mem *m)
{
	struct mem_place p;

	descend(m, 0, &p);
	return p.leaf;
}

bool mem_tree_room(const struct rts_mem *m, uint32_t borders, bool spare)
{
	/* Each may split a node on each level, and the root. */
	const uint32_t nodes = borders * (m->height + 3);

	return borders == 0 || (m->height + borders < TREE_HEIGHT_MAX &&
				mem_nodes_free(m) >= nodes + (spare ? mem_spare(m) : 0));
}

EFI_STATUS mem_tree_init(struct rts_mem *m)
{
	struct mem_leaf *leaf;

	m->root = mem_node_new(m);
	if (m->root == 0)
		return EFI_BUFFER_TOO_SMALL;
	leaf = mem_node(m, m->root);
	leaf->word[0] = word(0, CLASS_HOLE);
	leaf->n = 1;
	refer(m, leaf->word[0]);
	return mem_tree_room(m, 4, true) ? EFI_SUCCESS : EFI_BUFFER_TOO_SMALL;
}

/* Self-check. */

struct check {
	uint64_t page; /* where the next word must begin, at least */
	uint64_t entries;
	uint64_t words;
	uint32_t class; /* of the word before */
	uint32_t leaf;  /* that the one before leads to */
	bool any;
};

static bool check_leaf(const struct rts_mem *m, uint32_t node, struct check *c)
{
	const struct mem_leaf *leaf = mem_node(m, node);

	if (leaf->n == 0 || leaf->n > LEAF_MAX || (c->any && c->leaf != node))
		return false;
	for (uint32_t i = 0; i < leaf->n; i++) {
		const uint32_t class = class_of(leaf->word[i]);

		if (page_of(leaf->word[i]) < c->page || (c->any && class == c->class) ||
		    (!c->any && page_of(leaf->word[i]) != 0))
			return false;
		c->entries += border(m, c->class, class);
		c->class = class;
		c->page = page_of(leaf->word[i]) + 1;
		c->words++;
		c->any = true;
	}
	c->leaf = leaf->next;
	return true;
}

static bool check_node(const struct rts_mem *m, uint32_t node, uint32_t level, uint64_t end,
		       struct check *c)
{
	const struct mem_inner *inner = mem_node(m, node);

	if (level == 0)
		return check_leaf(m, node, c);
	if (inner->n == 0 || inner->n > INNER_MAX)
		return false;
	for (uint32_t i = 0; i < inner->n; i++) {
		const uint64_t next = i + 1 < inner->n ? inner->first[i + 1] : end;
		const void *child = mem_node(m, inner->child[i]);
		const uint64_t first =
			level == 1 ? page_of(((const struct mem_leaf *)child)->word[0])
				   : ((const struct mem_inner *)child)->first[0];
		const uint64_t max = level == 1 ? leaf_max(child, next) : inner_max(child);

		if (inner->first[i] != first || inner->max[i] != max ||
		    !check_node(m, inner->child[i], level - 1, next, c))
			return false;
	}
	return true;
}

bool mem_tree_check(struct rts_mem *m)
{
	struct check c = {.class = CLASS_HOLE};
	uint64_t refs = 0;

	if (!check_node(m, m->root, m->height, SPACE_PAGES, &c) || c.leaf != 0)
		return false;
	for (uint32_t half = 0; half < 2; half++)
		for (uint32_t i = half * CLASS_USABLE; i < m->class_end[half]; i++)
			refs += mem_class(m, i)->refs;
	return c.entries == m->entries && refs == c.words + 1; /* the hole's own */
}
