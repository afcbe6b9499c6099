// ptx_launch.c: a launch: its blocks one after the other, a block's warps in turn between barriers,
// a warp's lanes in step.
//
// Lanes that stand at different instructions go on from the lowest place: where code is laid out as
// compilers do it, those that left a loop or a branch early are caught up with there.
#include "ptx_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Where a thread is
// -----------------------------------------------------------------------------------

static uint32_t thread_index(const ptx_warp_t *warp, uint32_t lane, uint32_t dimension) {
  const uint32_t *block = warp->block->launch->block;
  uint32_t index = warp->index * PTX_LANES + lane;
  for (uint32_t i = 0; i < dimension; ++i)
    index /= block[i];
  return dimension < 2 ? index % block[dimension] : index;
}

void ptx_fault(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lane, ptx_result_t result,
               const char *format, ...) {
  ptx_block_t *block = warp->block;
  if (block->result != PTX_OK) return;
  block->result = result;
  if (!block->message_size) return;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (void)snprintf(block->message, block->message_size,
                 "%s, by thread (%u,%u,%u) of block (%u,%u,%u) in %s, line %u", text,
                 thread_index(warp, lane, 0), thread_index(warp, lane, 1),
                 thread_index(warp, lane, 2), block->id[0], block->id[1], block->id[2],
                 block->kernel->name, at->line);
}

static uint64_t special_value(const ptx_warp_t *warp, uint32_t lane,
                              const ptx_constant_t *constant) {
  const ptx_block_t *block = warp->block;
  const uint32_t bit = UINT32_C(1) << lane;
  switch ((int)constant->special) {
  case SPECIAL_VALUE: return constant->value;
  case SPECIAL_TID:
  case SPECIAL_TID + 1:
  case SPECIAL_TID + 2: return thread_index(warp, lane, constant->special - SPECIAL_TID);
  case SPECIAL_NTID:
  case SPECIAL_NTID + 1:
  case SPECIAL_NTID + 2: return block->launch->block[constant->special - SPECIAL_NTID];
  case SPECIAL_CTAID:
  case SPECIAL_CTAID + 1:
  case SPECIAL_CTAID + 2: return block->id[constant->special - SPECIAL_CTAID];
  case SPECIAL_NCTAID:
  case SPECIAL_NCTAID + 1:
  case SPECIAL_NCTAID + 2: return block->launch->grid[constant->special - SPECIAL_NCTAID];
  case SPECIAL_LANE: return lane;
  case SPECIAL_WARP: return warp->index;
  case SPECIAL_WARPS: return (block->threads + PTX_LANES - 1) / PTX_LANES;
  case SPECIAL_LANES_EQ: return bit;
  case SPECIAL_LANES_LT: return bit - 1;
  case SPECIAL_LANES_LE: return bit | (bit - 1);
  case SPECIAL_LANES_GT: return (uint32_t) ~(bit | (bit - 1));
  case SPECIAL_LANES_GE: return (uint32_t) ~(bit - 1);
  case SPECIAL_DYNAMIC: return block->dynamic_at;
  case SPECIAL_DYNAMIC_SIZE: return block->launch->dynamic_shared;
  default: return block->shared_size;
  }
}

// The slots behind the registers. Between blocks only their place changes.
static void fill_constants(ptx_warp_t *warp, bool only_place) {
  const ptx_kernel_t *kernel = warp->block->kernel;
  for (uint32_t i = 0; i < kernel->constant_count; ++i) {
    const ptx_constant_t *constant = &kernel->constants[i];
    const bool is_place = constant->special >= SPECIAL_CTAID && constant->special < SPECIAL_NCTAID;
    if (only_place && !is_place) continue;
    uint64_t *slot = ptx_slot(warp, kernel->register_count + i);
    for (uint32_t lane = 0; lane < PTX_LANES; ++lane)
      slot[lane] = special_value(warp, lane, constant);
  }
}

// ---- A warp
// ----------------------------------------------------------------------------------------------

static void stand(ptx_warp_t *warp, uint32_t lanes, uint32_t pc) {
  PTX_EACH(lane, lanes) warp->pc[lane] = pc;
}

static uint32_t standing_at(const ptx_warp_t *warp, uint32_t among, uint32_t pc) {
  uint32_t lanes = 0;
  PTX_EACH(lane, among) lanes |= (uint32_t)(warp->pc[lane] == pc) << lane;
  return lanes;
}

static uint32_t lowest_pc(const ptx_warp_t *warp, uint32_t among) {
  uint32_t lowest = UINT32_MAX;
  PTX_EACH(lane, among) lowest = warp->pc[lane] < lowest ? warp->pc[lane] : lowest;
  return lowest;
}

static uint32_t guarded(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  if (!at->guarded) return lanes;
  const uint64_t *guard = ptx_slot(warp, at->guard);
  uint32_t on = 0;
  PTX_EACH(lane, lanes) on |= (uint32_t)((guard[lane] & 1) != at->guard_negated) << lane;
  return on;
}

// Lanes that wait at `pc` for each other go on when all that the first names are there, or have
// ended.
static bool try_meeting(ptx_warp_t *warp, uint32_t pc) {
  const ptx_instruction_t *at = &warp->block->kernel->code[pc];
  const uint32_t here = standing_at(warp, warp->meeting & warp->alive, pc);
  const uint64_t *masks = ptx_slot(warp, at->in[0]);
  PTX_EACH(lane, here) {
    const uint32_t named = (uint32_t)masks[lane];
    if (!(named >> lane & 1)) {
      ptx_fault(warp, at, lane, PTX_TRAP, "lane %u is not in its own mask 0x%x", lane, named);
      return true;
    }
    const uint32_t members = named & warp->alive;
    if ((here & members) != members) continue;
    at->run(warp, at, members);
    warp->meeting &= ~members;
    stand(warp, members, pc + 1);
    return true;
  }
  return false;
}

static bool try_meetings(ptx_warp_t *warp) {
  PTX_EACH(lane, warp->meeting & warp->alive) {
    if (try_meeting(warp, warp->pc[lane])) return true;
  }
  return false;
}

// Runs lanes that stand at one instruction until they part, wait or reach `limit`, where others
// stand.
static void run_group(ptx_warp_t *warp, uint32_t lanes, uint32_t pc, uint32_t limit) {
  const ptx_instruction_t *code = warp->block->kernel->code;
  do {
    const ptx_instruction_t *at = &code[pc];
    const uint32_t on = guarded(warp, at, lanes);
    switch ((ptx_flow_t)at->flow) {
    case FLOW_NEXT:
      if (on) at->run(warp, at, on);
      if (warp->block->result != PTX_OK) return;
      ++pc;
      break;
    case FLOW_BRANCH:
      if (on && on != lanes) {
        stand(warp, on, at->target);
        stand(warp, lanes & ~on, pc + 1);
        return;
      }
      pc = on ? at->target : pc + 1;
      break;
    case FLOW_END:
      warp->alive &= ~on;
      lanes &= ~on;
      ++pc;
      if (!lanes) return;
      break;
    case FLOW_BARRIER:
      stand(warp, lanes, pc + 1);
      warp->at_barrier |= on;
      return;
    case FLOW_MEET:
      stand(warp, lanes & ~on, pc + 1);
      stand(warp, on, pc);
      warp->meeting |= on;
      if (on) (void)try_meeting(warp, pc);
      return;
    }
  } while (pc < limit);
  stand(warp, lanes, pc);
}

// Until all lanes have ended or wait.
static void run_warp(ptx_warp_t *warp) {
  while (warp->block->result == PTX_OK) {
    const uint32_t ready = warp->alive & ~warp->at_barrier & ~warp->meeting;
    if (!ready) {
      if (try_meetings(warp)) continue;
      return;
    }
    const uint32_t pc = lowest_pc(warp, ready);
    const uint32_t lanes = standing_at(warp, ready, pc);
    run_group(warp, lanes, pc, lowest_pc(warp, ready & ~lanes));
  }
}

// ---- A block
// ---------------------------------------------------------------------------------------------

// Whether all threads that have not ended are at the same barrier; none ended: nothing is left to
// do.
static bool all_at_barrier(const ptx_block_t *block, const ptx_warp_t *warps, uint32_t count,
                           bool *out_any) {
  int barrier = -1;
  bool all = true;
  *out_any = false;
  for (uint32_t i = 0; i < count; ++i) {
    const ptx_warp_t *warp = &warps[i];
    if (warp->alive) *out_any = true;
    if (warp->alive & ~warp->at_barrier) all = false;
    PTX_EACH(lane, warp->alive & warp->at_barrier) {
      const int index = block->kernel->code[warp->pc[lane] - 1].mode;
      if (barrier >= 0 && index != barrier) all = false;
      barrier = index;
    }
  }
  return all;
}

static void report_deadlock(ptx_warp_t *warps, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    PTX_EACH(lane, warps[i].alive) {
      const ptx_warp_t *warp = &warps[i];
      const uint32_t pc = warp->pc[lane] - (warp->at_barrier >> lane & 1);
      ptx_fault(&warps[i], &warp->block->kernel->code[pc], lane, PTX_DEADLOCK,
                "deadlock: waits for threads that do not come");
      return;
    }
  }
}

static void run_block(ptx_block_t *block, ptx_warp_t *warps, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t left = block->threads - i * PTX_LANES;
    warps[i].alive = left >= PTX_LANES ? UINT32_MAX : (UINT32_C(1) << left) - 1;
    warps[i].at_barrier = warps[i].meeting = 0;
    stand(&warps[i], UINT32_MAX, 0);
    fill_constants(&warps[i], true);
  }
  bool any = true;
  while (block->result == PTX_OK && any) {
    for (uint32_t i = 0; i < count; ++i)
      run_warp(&warps[i]);
    if (block->result != PTX_OK) return;
    if (!all_at_barrier(block, warps, count, &any)) {
      report_deadlock(warps, count);
      return;
    }
    for (uint32_t i = 0; i < count; ++i)
      warps[i].at_barrier = 0;
  }
}

// ---- A launch
// ----------------------------------------------------------------------------------------------

static void free_warps(ptx_warp_t *warps, uint32_t count) {
  for (uint32_t i = 0; warps && i < count; ++i) {
    free(warps[i].slots);
    free(warps[i].local);
  }
  free(warps);
}

// Registers begin with bits that nobody would write, shared and local memory too.
enum { POISON = 0xcb };

static bool make_warp(ptx_block_t *block, uint32_t index, ptx_warp_t *out_warp) {
  const ptx_kernel_t *kernel = block->kernel;
  const size_t slots =
      (size_t)(kernel->register_count + kernel->constant_count) * PTX_LANES * sizeof(uint64_t);
  const size_t local = (size_t)kernel->local_size * PTX_LANES;
  *out_warp = (ptx_warp_t){
      .block = block, .index = index, .slots = malloc(slots), .local = malloc(local ? local : 1)};
  if (!out_warp->slots || !out_warp->local) return false;
  memset(out_warp->slots, POISON, slots);
  memset(out_warp->local, POISON, local);
  fill_constants(out_warp, false);
  return true;
}

static void run_grid(ptx_block_t *block, ptx_warp_t *warps, uint32_t count) {
  const uint32_t *grid = block->launch->grid;
  for (uint32_t z = 0; z < grid[2]; ++z) {
    for (uint32_t y = 0; y < grid[1]; ++y) {
      for (uint32_t x = 0; x < grid[0] && block->result == PTX_OK; ++x) {
        block->id[0] = x, block->id[1] = y, block->id[2] = z;
        run_block(block, warps, count);
      }
    }
  }
}

ptx_result_t ptx_kernel_run(const ptx_kernel_t *kernel, const ptx_launch_t *launch, char *message,
                            size_t message_size) {
  if (message_size) message[0] = '\0';
  ptx_block_t block = {
      .kernel = kernel,
      .launch = launch,
      .threads = launch->block[0] * launch->block[1] * launch->block[2],
      .message = message,
      .message_size = message_size,
  };
  block.dynamic_at = (kernel->shared_size + kernel->dynamic_align - 1) / kernel->dynamic_align *
                     kernel->dynamic_align;
  block.shared_size = block.dynamic_at + launch->dynamic_shared;
  const uint32_t count = (block.threads + PTX_LANES - 1) / PTX_LANES;
  block.shared = malloc(block.shared_size ? block.shared_size : 1);
  ptx_warp_t *warps = calloc(count ? count : 1, sizeof *warps);
  bool good = block.shared && warps;
  for (uint32_t i = 0; good && i < count; ++i)
    good = make_warp(&block, i, &warps[i]);
  if (good) {
    memset(block.shared, POISON, block.shared_size);
    run_grid(&block, warps, count);
  } else {
    block.result = PTX_NO_MEMORY;
  }
  free_warps(warps, count);
  free(block.shared);
  return block.result;
}
