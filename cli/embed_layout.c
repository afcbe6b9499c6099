// embed_layout.c: where the memory of a plan lies.
//
// The compiler packs the tensors of a function for work that may go on side by side. Here, where
// one step follows the other, the parts of its allocations that steps use become blocks again: one
// begins where bytes are overwritten without being read, and lasts to the last step that reads it.
// Blocks that are not needed at the same time share their place in the arena, and one that is
// exactly an output is put there at once. State is not shared. A block begins at a multiple of the
// alignment, as it did where the compiler put it, for kernels count on that.
#include "embed.h"

#include <stdlib.h>
#include <string.h>

// Sizes that firmware can have; larger ones could not be added up safely.
#define LARGEST ((uint64_t)1 << 31)

static uint64_t align_up(uint64_t value) {
  return (value + EE_CLI_EMBED_ALIGNMENT - 1) / EE_CLI_EMBED_ALIGNMENT * EE_CLI_EMBED_ALIGNMENT;
}

// ---- Blocks ------------------------------------------------------------------------------------

static bool is_transient(const ee_cli_embed_model_t *model, const eerie_plan_range_t *range) {
  return model->plan->storages[range->storage].space == EERIE_PLAN_TRANSIENT && range->size;
}

static bool overlap(const ee_cli_embed_block_t *a, const ee_cli_embed_block_t *b) {
  return !a->gone && !b->gone && a->storage == b->storage && a->begin < b->end && b->begin < a->end;
}

static bool contains(const ee_cli_embed_block_t *a, const ee_cli_embed_block_t *b) {
  return a->begin <= b->begin && b->end <= a->end;
}

static ee_cli_embed_block_t *add_block(ee_cli_embed_function_t *function,
                                       const eerie_plan_range_t *range, size_t step) {
  const size_t count = function->block_count;
  ee_cli_embed_block_t *grown = realloc(function->blocks, (count + 1) * sizeof *grown);
  if (!grown) return NULL;
  function->blocks = grown;
  grown[function->block_count++] = (ee_cli_embed_block_t){
      .storage = range->storage,
      .begin = range->offset / EE_CLI_EMBED_ALIGNMENT * EE_CLI_EMBED_ALIGNMENT,
      .end = range->offset + range->size,
      .first = step,
      .last = step,
      .base = EE_CLI_EMBED_ARENA,
  };
  return &grown[count];
}

static void swallow(ee_cli_embed_block_t *block, ee_cli_embed_block_t *other, size_t index) {
  if (other->begin < block->begin) block->begin = other->begin;
  if (other->end > block->end) block->end = other->end;
  if (other->first < block->first) block->first = other->first;
  if (other->last > block->last) block->last = other->last;
  other->gone = true;
  other->part_of = index;
}

static bool add_to(ee_cli_embed_function_t *function, const eerie_plan_range_t *range,
                   size_t block) {
  ee_cli_embed_use_t *grown =
      realloc(function->uses, (function->use_count + 1) * sizeof *function->uses);
  if (!grown) return false;
  function->uses = grown;
  grown[function->use_count++] = (ee_cli_embed_use_t){range, block};
  return true;
}

// Joins the last block to those that it overlaps, as often as that makes it overlap more. `from`:
// of those, the ones that are used at this step or later.
static void join_overlapping(ee_cli_embed_function_t *function, size_t from) {
  const size_t index = function->block_count - 1;
  ee_cli_embed_block_t *block = &function->blocks[index];
  for (bool joined = true; joined;) {
    joined = false;
    for (size_t i = 0; i < index; ++i) {
      ee_cli_embed_block_t *other = &function->blocks[i];
      if (!overlap(block, other) || other->last < from) continue;
      swallow(block, other, index);
      joined = true;
    }
  }
}

// A use that sees what was there before: the newest block that has all of it is meant; where none
// has, all that overlap were one tensor.
static bool add_read(const ee_cli_embed_model_t *model, ee_cli_embed_function_t *function,
                     const eerie_plan_range_t *range, size_t step) {
  if (!is_transient(model, range)) return true;
  ee_cli_embed_block_t *block = add_block(function, range, step);
  if (!block) return false;
  const size_t index = function->block_count - 1;
  for (size_t i = index; i-- != 0;) {
    ee_cli_embed_block_t *other = &function->blocks[i];
    if (!overlap(block, other)) continue;
    if (!contains(other, block)) break;
    other->last = step;
    --function->block_count;
    return add_to(function, range, i);
  }
  join_overlapping(function, 0);
  return add_to(function, range, index);
}

// Where compilers give kernels one binding for all that lie in an allocation
// (--iree-scheduling-optimize-bindings), that is "written" as a whole by a kernel that fills a part
// of it. Source: compilers 3.11 to 3.13.
static bool may_be_a_part(const ee_cli_embed_model_t *model,
                          const ee_cli_embed_function_t *function,
                          const eerie_plan_range_t *range) {
  if (range->offset || range->size < model->plan->storages[range->storage].size) return false;
  for (size_t i = 0; i < function->block_count; ++i)
    if (function->blocks[i].storage == range->storage) return true;
  return false;
}

// A use that overwrites what was there: a new tensor begins. What this step reads there lives too
// long to be told from it. Where bytes lie before it that a block would begin with, it is a part of
// what they belong to, such as the second of two tensors that are joined.
static bool add_write(const ee_cli_embed_model_t *model, ee_cli_embed_function_t *function,
                      const eerie_plan_range_t *range, size_t step, bool by_kernel) {
  if (!is_transient(model, range)) return true;
  if (range->offset % EE_CLI_EMBED_ALIGNMENT != 0 ||
      (by_kernel && may_be_a_part(model, function, range)))
    return add_read(model, function, range, step);
  if (!add_block(function, range, step)) return false;
  const size_t index = function->block_count - 1;
  join_overlapping(function, step);
  return add_to(function, range, index);
}

static bool add_step(const ee_cli_embed_model_t *model, ee_cli_embed_function_t *function,
                     const eerie_plan_step_t *step, size_t index) {
  bool good = true;
  if (step->kind == EERIE_PLAN_COPY) good = add_read(model, function, &step->source, index);
  if (step->kind != EERIE_PLAN_DISPATCH)
    return good && add_write(model, function, &step->target, index, false);
  for (int writes = 0; writes < 2; ++writes) {
    for (size_t i = 0; i < step->binding_count && good; ++i) {
      const bool only_written = ee_cli_embed_access_of(model, step, i) == EE_CLI_EMBED_WRITTEN;
      if (only_written != (writes != 0)) continue;
      good = writes ? add_write(model, function, &step->bindings[i], index, true)
                    : add_read(model, function, &step->bindings[i], index);
    }
  }
  return good;
}

static bool find_blocks(const ee_cli_embed_model_t *model, ee_cli_embed_function_t *function) {
  const eerie_plan_function_t *plan = function->plan;
  bool good = true;
  for (size_t i = 0; i < plan->step_count && good; ++i)
    good = add_step(model, function, &plan->steps[i], i);
  // Copies to outputs come last.
  for (size_t i = 0; i < plan->output_count && good; ++i)
    good = add_read(model, function, &plan->results[i], plan->step_count + i);
  return good;
}

static ee_cli_embed_block_t *block_of(const ee_cli_embed_function_t *function,
                                      const eerie_plan_range_t *range) {
  for (size_t i = 0; i < function->use_count; ++i) {
    if (function->uses[i].range != range) continue;
    size_t block = function->uses[i].block;
    while (function->blocks[block].gone)
      block = function->blocks[block].part_of;
    return &function->blocks[block];
  }
  return NULL;
}

// ---- Outputs -----------------------------------------------------------------------------------

ee_cli_embed_place_t ee_cli_embed_output(const ee_cli_embed_function_t *function, size_t index) {
  return (ee_cli_embed_place_t){.base = EE_CLI_EMBED_VALUES + function->plan->input_count + index};
}

bool ee_cli_embed_output_is_apart(const ee_cli_embed_model_t *model,
                                  const ee_cli_embed_function_t *function, size_t index) {
  const eerie_plan_range_t *range = &function->plan->results[index];
  if (!range->size) return false;
  const ee_cli_embed_place_t is = ee_cli_embed_place(model, function, range);
  return is.base != ee_cli_embed_output(function, index).base || is.offset != 0;
}

// Blocks that are an output, and nothing more, are made in the caller's memory.
static void place_outputs(const ee_cli_embed_model_t *model, ee_cli_embed_function_t *function) {
  for (size_t i = 0; i < function->plan->output_count; ++i) {
    const eerie_plan_range_t *range = &function->plan->results[i];
    if (!is_transient(model, range)) continue;
    ee_cli_embed_block_t *block = block_of(function, range);
    if (!block || block->base != EE_CLI_EMBED_ARENA || block->begin != range->offset ||
        block->end != range->offset + range->size)
      continue;
    block->base = ee_cli_embed_output(function, i).base;
  }
}

// ---- The arena ---------------------------------------------------------------------------------

static bool meet(const ee_cli_embed_block_t *a, const ee_cli_embed_block_t *b) {
  return a->first <= b->last && b->first <= a->last;
}

// The lowest place for a block beside `count` others, in the order of their offsets, of which those
// that live at the same time are in the way.
static uint64_t lowest_place(const ee_cli_embed_block_t *block, ee_cli_embed_block_t *const *placed,
                             size_t count) {
  const uint64_t size = block->end - block->begin;
  uint64_t offset = 0;
  for (size_t i = 0; i < count && placed[i]->offset < offset + size; ++i) {
    const ee_cli_embed_block_t *other = placed[i];
    const uint64_t other_end = other->offset + (other->end - other->begin);
    if (meet(block, other) && offset < other_end) offset = align_up(other_end);
  }
  return offset;
}

// Puts block `index` where its offset belongs among those before it.
static void sort_in(ee_cli_embed_block_t **order, size_t index) {
  ee_cli_embed_block_t *block = order[index];
  for (; index && order[index - 1]->offset > block->offset; --index)
    order[index] = order[index - 1];
  order[index] = block;
}

static int larger_first(const void *a, const void *b) {
  const ee_cli_embed_block_t *x = *(ee_cli_embed_block_t *const *)a;
  const ee_cli_embed_block_t *y = *(ee_cli_embed_block_t *const *)b;
  const uint64_t p = x->end - x->begin, q = y->end - y->begin;
  if (p != q) return p < q ? 1 : -1;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return x < y ? -1 : x > y; // blocks of one array, as they were found
}

static int earlier_first(const void *a, const void *b) {
  const ee_cli_embed_block_t *x = *(ee_cli_embed_block_t *const *)a;
  const ee_cli_embed_block_t *y = *(ee_cli_embed_block_t *const *)b;
  return x->first != y->first ? (x->first < y->first ? -1 : 1) : larger_first(a, b);
}

static uint64_t pack(ee_cli_embed_block_t **order, size_t count,
                     int (*compare)(const void *, const void *)) {
  if (count) qsort((void *)order, count, sizeof *order, compare);
  uint64_t size = 0;
  for (size_t i = 0; i < count; ++i) {
    ee_cli_embed_block_t *block = order[i];
    block->offset = lowest_place(block, order, i);
    const uint64_t end = block->offset + (block->end - block->begin);
    if (end > size) size = end;
    sort_in(order, i);
  }
  return align_up(size);
}

// The most bytes of blocks in the arena at one step.
static uint64_t most_alive(const ee_cli_embed_function_t *function) {
  uint64_t most = 0;
  for (size_t i = 0; i < function->plan->step_count + function->plan->output_count; ++i) {
    uint64_t sum = 0;
    for (size_t j = 0; j < function->block_count; ++j) {
      const ee_cli_embed_block_t *block = &function->blocks[j];
      if (!block->gone && block->base == EE_CLI_EMBED_ARENA && block->first <= i &&
          i <= block->last)
        sum += block->end - block->begin;
    }
    if (sum > most) most = sum;
  }
  return most;
}

static eerie_status_t lay_out_function(const ee_cli_embed_model_t *model,
                                       ee_cli_embed_function_t *function, eerie_error_t *err) {
  const bool found = find_blocks(model, function);
  ee_cli_embed_block_t **order = (void *)calloc(function->block_count + 1, sizeof *order);
  if (!found || !order) {
    free((void *)order);
    return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  }
  place_outputs(model, function);
  size_t count = 0;
  for (size_t i = 0; i < function->block_count; ++i)
    if (!function->blocks[i].gone && function->blocks[i].base == EE_CLI_EMBED_ARENA)
      order[count++] = &function->blocks[i];
  const uint64_t by_size = pack(order, count, larger_first);
  function->arena_size = pack(order, count, earlier_first);
  if (by_size < function->arena_size) function->arena_size = pack(order, count, larger_first);
  function->live_size = most_alive(function);
  free((void *)order);
  return EERIE_OK;
}

// ---- The model ---------------------------------------------------------------------------------

static eerie_status_t lay_out_storages(ee_cli_embed_model_t *model, eerie_error_t *err) {
  model->state_offsets = calloc(model->plan->storage_count + 1, sizeof *model->state_offsets);
  if (!model->state_offsets) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  for (size_t i = 0; i < model->plan->storage_count; ++i) {
    const eerie_plan_storage_t *storage = &model->plan->storages[i];
    if (storage->size > LARGEST)
      return ee_cli_error(err, EERIE_OUT_OF_RANGE,
                          "a tensor of %llu bytes does not fit a microcontroller",
                          (unsigned long long)storage->size);
    if (storage->space != EERIE_PLAN_STATE) continue;
    model->state_offsets[i] = model->state_size;
    model->state_size += align_up(storage->size);
  }
  return EERIE_OK;
}

// Whether two functions would have a C function of one name: those of a function that is called "f"
// are called f, f_run and f_sized (embed_header.c).
static bool same_names(const char *a, const char *b) {
  static const char *const endings[] = {"", "_run", "_sized"};
  const size_t size = strlen(a);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; ++i)
    if (strncmp(a, b, size) == 0 && strcmp(b + size, endings[i]) == 0) return true;
  return false;
}

// Lengthens the name of function `index` until it is like none before it, nor that of what fills
// the state. False: no memory.
static bool make_unique(ee_cli_embed_model_t *model, size_t index) {
  char **name = &model->functions[index].name;
  const bool init = index == model->function_count;
  for (bool taken = !init; taken;) {
    taken = same_names("init", *name) || same_names(*name, "init");
    for (size_t i = 0; i < index && !taken; ++i)
      taken = same_names(model->functions[i].name, *name) ||
              same_names(*name, model->functions[i].name);
    if (!taken) break;
    const size_t size = strlen(*name);
    char *longer = realloc(*name, size + 2);
    if (!longer) return false;
    memcpy(longer + size, "_", 2);
    *name = longer;
  }
  return true;
}

eerie_status_t ee_cli_embed_layout(ee_cli_embed_model_t *model, eerie_error_t *err) {
  const eerie_plan_t *plan = model->plan;
  model->functions = calloc(plan->function_count + 1, sizeof *model->functions);
  if (!model->functions) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  model->function_count = plan->function_count;
  eerie_status_t status = lay_out_storages(model, err);
  for (size_t i = 0; i <= plan->function_count && !status; ++i) {
    ee_cli_embed_function_t *function = &model->functions[i];
    const bool init = i == plan->function_count;
    function->plan = init ? &plan->initialization : &plan->functions[i];
    function->name = ee_cli_c_identifier(init ? "init" : function->plan->name, false);
    if (!function->name || !make_unique(model, i))
      return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
    status = lay_out_function(model, function, err);
    if (function->arena_size > model->arena_size) model->arena_size = function->arena_size;
    if (function->live_size > model->live_size) model->live_size = function->live_size;
  }
  model->has_init = plan->initialization.step_count != 0 || model->state_size != 0;
  return status;
}

void ee_cli_embed_layout_free(ee_cli_embed_model_t *model) {
  for (size_t i = 0; model->functions && i <= model->function_count; ++i) {
    free(model->functions[i].name);
    free(model->functions[i].blocks);
    free(model->functions[i].uses);
  }
  free(model->functions);
  free(model->state_offsets);
  model->functions = NULL;
  model->state_offsets = NULL;
}

ee_cli_embed_place_t ee_cli_embed_place(const ee_cli_embed_model_t *model,
                                        const ee_cli_embed_function_t *function,
                                        const eerie_plan_range_t *range) {
  const eerie_plan_storage_t *storage = &model->plan->storages[range->storage];
  ee_cli_embed_place_t place = {.offset = range->offset, .constant = SIZE_MAX};
  if (!range->size) return (ee_cli_embed_place_t){.base = EE_CLI_EMBED_ARENA, .constant = SIZE_MAX};
  switch (storage->space) {
  case EERIE_PLAN_CONSTANT: place.constant = range->storage; break;
  case EERIE_PLAN_STATE:
    place.base = EE_CLI_EMBED_STATE;
    place.offset += model->state_offsets[range->storage];
    break;
  case EERIE_PLAN_INPUT: place.base = EE_CLI_EMBED_VALUES + storage->input; break;
  case EERIE_PLAN_TRANSIENT: {
    const ee_cli_embed_block_t *block = block_of(function, range);
    place.base = block->base;
    place.offset = range->offset - block->begin;
    if (block->base == EE_CLI_EMBED_ARENA) place.offset += block->offset;
    break;
  }
  }
  return place;
}
