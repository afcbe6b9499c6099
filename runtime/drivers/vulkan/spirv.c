// spirv.c: what a shader says of itself, and whether the device has it.
//
// Some drivers run shaders that use types which they have not, and give wrong numbers; so what a
// shader needs is looked up here, before it reaches one. A shader is checked as far as that takes:
// its instructions lie inside of it, its capabilities and types are the device's, and its entry
// point wants no more descriptors, constants, shared memory and invocations than it is given. What
// its instructions compute is not checked: a shader is code, and as trusted as its file.
//
// Source of the numbers: SPIR-V specification, unified1, sections 2.3 and 3.
#include "drivers/vulkan/vulkan.h"

enum {
  MAGIC = 0x07230203,
  HEADER_WORDS = 5,
  BOUND_LIMIT = 4194303, // section 2.17, universal limits
  OP_ENTRY_POINT = 15,
  OP_EXECUTION_MODE = 16,
  OP_CAPABILITY = 17,
  OP_MEMORY_MODEL = 14,
  OP_TYPE_BOOL = 20,
  OP_TYPE_INT = 21,
  OP_TYPE_FLOAT = 22,
  OP_TYPE_VECTOR = 23,
  OP_TYPE_MATRIX = 24,
  OP_TYPE_ARRAY = 28,
  OP_TYPE_STRUCT = 30,
  OP_TYPE_POINTER = 32,
  OP_CONSTANT = 43,
  OP_SPEC_CONSTANT = 50,
  OP_FUNCTION = 54,
  OP_VARIABLE = 59,
  OP_DECORATE = 71,
  MODEL_GL_COMPUTE = 5,
  MODE_LOCAL_SIZE = 17,
  STORAGE_WORKGROUP = 4,
  STORAGE_PUSH_CONSTANT = 9,
  DECORATION_BINDING = 33,
  DECORATION_SET = 34,
  ADDRESSING_LOGICAL = 0,
  ADDRESSING_PHYSICAL_STORAGE_BUFFER = 5348,
};

// ---- Capabilities ------------------------------------------------------------------------------

typedef struct capability {
  uint16_t number;
  const char *name;
  uint32_t features; // any of these bits; 0: every device has it
} capability_t;

static const capability_t capabilities[] = {
    {0, "Matrix", 0},
    {1, "Shader", 0},
    {9, "Float16", EE_VULKAN_FLOAT16},
    {10, "Float64", EE_VULKAN_FLOAT64},
    {11, "Int64", EE_VULKAN_INT64},
    {12, "Int64Atomics", EE_VULKAN_INT64_ATOMICS},
    {22, "Int16", EE_VULKAN_INT16},
    {39, "Int8", EE_VULKAN_INT8},
    {61, "GroupNonUniform", EE_VULKAN_SUBGROUP_BASIC},
    {62, "GroupNonUniformVote", EE_VULKAN_SUBGROUP_VOTE},
    {63, "GroupNonUniformArithmetic", EE_VULKAN_SUBGROUP_ARITHMETIC},
    {64, "GroupNonUniformBallot", EE_VULKAN_SUBGROUP_BALLOT},
    {65, "GroupNonUniformShuffle", EE_VULKAN_SUBGROUP_SHUFFLE},
    {66, "GroupNonUniformShuffleRelative", EE_VULKAN_SUBGROUP_SHUFFLE_RELATIVE},
    {67, "GroupNonUniformClustered", EE_VULKAN_SUBGROUP_CLUSTERED},
    {68, "GroupNonUniformQuad", EE_VULKAN_SUBGROUP_QUAD},
    {4433, "StorageBuffer16BitAccess", EE_VULKAN_STORAGE16},
    {4434, "UniformAndStorageBuffer16BitAccess", EE_VULKAN_UNIFORM_STORAGE16},
    {4435, "StoragePushConstant16", EE_VULKAN_PUSH16},
    {4441, "VariablePointersStorageBuffer",
     EE_VULKAN_VARIABLE_POINTERS_STORAGE | EE_VULKAN_VARIABLE_POINTERS},
    {4442, "VariablePointers", EE_VULKAN_VARIABLE_POINTERS},
    {4448, "StorageBuffer8BitAccess", EE_VULKAN_STORAGE8},
    {4449, "UniformAndStorageBuffer8BitAccess", EE_VULKAN_UNIFORM_STORAGE8},
    {4450, "StoragePushConstant8", EE_VULKAN_PUSH8},
    {5345, "VulkanMemoryModel", EE_VULKAN_MEMORY_MODEL},
    {5346, "VulkanMemoryModelDeviceScope", EE_VULKAN_MEMORY_MODEL_DEVICE},
    {5347, "PhysicalStorageBufferAddresses", EE_VULKAN_ADDRESSES},
    {6016, "DotProductInputAll", EE_VULKAN_DOT_PRODUCT},
    {6017, "DotProductInput4x8Bit", EE_VULKAN_DOT_PRODUCT},
    {6018, "DotProductInput4x8BitPacked", EE_VULKAN_DOT_PRODUCT},
    {6019, "DotProduct", EE_VULKAN_DOT_PRODUCT},
};
#define CAPABILITY_COUNT (sizeof capabilities / sizeof capabilities[0])

static eerie_status_t lacks(const ee_vulkan_physical_t *physical, const char *what,
                            eerie_error_t *err) {
  (void)physical, (void)what; // unused in builds without texts
  return EE_FAIL(err, EERIE_INCOMPATIBLE,
                 "the shader needs %s, which device %s does not have: compile for it (`eerie "
                 "devices` tells the target)",
                 what, physical->properties.deviceName);
}

static eerie_status_t check_capability(const ee_vulkan_physical_t *physical, uint32_t number,
                                       eerie_error_t *err) {
  for (size_t i = 0; i < CAPABILITY_COUNT; ++i) {
    const capability_t *capability = &capabilities[i];
    if (capability->number != number) continue;
    if (!capability->features || (capability->features & physical->features)) return EERIE_OK;
    return lacks(physical, capability->name, err);
  }
  return EE_FAIL(err, EERIE_INCOMPATIBLE,
                 "the shader needs SPIR-V capability %u, which this driver does not know", number);
}

static eerie_status_t check_width(const ee_vulkan_physical_t *physical, uint32_t opcode,
                                  uint32_t width, eerie_error_t *err) {
  const bool is_float = opcode == OP_TYPE_FLOAT;
  const uint32_t f = physical->features;
  // Storage of small types needs less than computing with them, and is told by capabilities.
  const uint32_t storage8 = EE_VULKAN_STORAGE8 | EE_VULKAN_UNIFORM_STORAGE8 | EE_VULKAN_PUSH8;
  const uint32_t storage16 = EE_VULKAN_STORAGE16 | EE_VULKAN_UNIFORM_STORAGE16 | EE_VULKAN_PUSH16;
  switch (width) {
  case 8:
    if (is_float) break;
    return f & (EE_VULKAN_INT8 | storage8) ? EERIE_OK : lacks(physical, "8-bit integers", err);
  case 16:
    if (is_float)
      return f & (EE_VULKAN_FLOAT16 | storage16) ? EERIE_OK : lacks(physical, "16-bit floats", err);
    return f & (EE_VULKAN_INT16 | storage16) ? EERIE_OK : lacks(physical, "16-bit integers", err);
  case 32: return EERIE_OK;
  case 64:
    if (is_float) return f & EE_VULKAN_FLOAT64 ? EERIE_OK : lacks(physical, "64-bit floats", err);
    return f & EE_VULKAN_INT64 ? EERIE_OK : lacks(physical, "64-bit integers", err);
  default: break;
  }
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "the shader uses %s of %u bits",
                 is_float ? "floats" : "integers", width);
}

// ---- Instructions ------------------------------------------------------------------------------

// The instruction at word `at`; false past the last. Lengths were checked.
typedef struct instruction {
  uint32_t opcode;
  uint32_t count; // words, with the first
  const uint32_t *words;
} instruction_t;

static bool next_instruction(const ee_vulkan_shader_t *shader, uint32_t *at,
                             instruction_t *out_instruction) {
  if (*at >= shader->word_count) return false;
  const uint32_t *words = shader->words + *at;
  *out_instruction = (instruction_t){words[0] & 0xFFFFu, words[0] >> 16, words};
  *at += out_instruction->count;
  return true;
}

// SPIR-V that a version of Vulkan takes. Source: Vulkan specification, appendix "Vulkan Environment
// for SPIR-V".
static uint32_t newest_spirv(uint32_t vulkan) {
  if (vulkan >= VK_API_VERSION_1_3) return 0x10600;
  return vulkan >= VK_API_VERSION_1_2 ? 0x10500 : 0x10300;
}

static eerie_status_t check_header(const ee_vulkan_physical_t *physical, ee_vulkan_shader_t *shader,
                                   eerie_error_t *err) {
  if (shader->word_count < HEADER_WORDS) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "truncated SPIR-V: %u words, the header has %d",
                   shader->word_count, HEADER_WORDS);
  }
  if (shader->words[0] != MAGIC) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "not SPIR-V: it begins with 0x%08x, expected 0x%08x",
                   shader->words[0], MAGIC);
  }
  const uint32_t version = shader->words[1];
  if (version > newest_spirv(physical->properties.apiVersion)) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "SPIR-V of version %u.%u; device %s takes %u.%u",
                   version >> 16, version >> 8 & 0xFF, physical->properties.deviceName,
                   newest_spirv(physical->properties.apiVersion) >> 16,
                   newest_spirv(physical->properties.apiVersion) >> 8 & 0xFF);
  }
  shader->bound = shader->words[3];
  if (shader->bound == 0 || shader->bound > BOUND_LIMIT) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "SPIR-V with a bound of %u for its ids; the limit is %d",
                   shader->bound, BOUND_LIMIT);
  }
  return EERIE_OK;
}

static eerie_status_t check_lengths(const ee_vulkan_shader_t *shader, eerie_error_t *err) {
  for (uint32_t at = HEADER_WORDS; at < shader->word_count;) {
    const uint32_t count = shader->words[at] >> 16;
    if (count == 0 || count > shader->word_count - at) {
      return EE_FAIL(err, EERIE_DATA_LOSS,
                     "truncated SPIR-V: the instruction at word %u has %u words, %u are left", at,
                     count, shader->word_count - at);
    }
    at += count;
  }
  return EERIE_OK;
}

// ---- Types and variables -----------------------------------------------------------------------

// What is known of an id: bytes of a type, value of a constant; of a pointer also where it points.
typedef struct fact {
  uint64_t value;
  uint32_t storage;
} fact_t;

typedef struct scan {
  const ee_vulkan_physical_t *physical;
  ee_vulkan_shader_t *shader;
  fact_t *facts; // by id
} scan_t;

static uint64_t value_of(const scan_t *scan, uint32_t id) {
  return id < scan->shader->bound ? scan->facts[id].value : 0;
}

// Sizes stay below 2^32 a step before they could wrap.
static uint64_t clamp(uint64_t size) {
  return size < UINT32_MAX ? size : UINT32_MAX;
}

static void set_fact(scan_t *scan, uint32_t id, uint64_t value, uint32_t storage) {
  if (id < scan->shader->bound) scan->facts[id] = (fact_t){clamp(value), storage};
}

static void scan_type(scan_t *scan, const instruction_t *i) {
  const uint32_t *w = i->words;
  switch (i->opcode) {
  case OP_TYPE_BOOL: set_fact(scan, w[1], 4, 0); break;
  case OP_TYPE_INT:
  case OP_TYPE_FLOAT:
    if (i->count >= 3) set_fact(scan, w[1], w[2] / 8, 0);
    break;
  case OP_TYPE_VECTOR:
  case OP_TYPE_MATRIX:
    if (i->count >= 4) set_fact(scan, w[1], value_of(scan, w[2]) * w[3], 0);
    break;
  case OP_TYPE_ARRAY:
    if (i->count >= 4) set_fact(scan, w[1], value_of(scan, w[2]) * value_of(scan, w[3]), 0);
    break;
  case OP_TYPE_STRUCT: {
    uint64_t size = 0;
    for (uint32_t k = 2; k < i->count; ++k)
      size = clamp(size + value_of(scan, w[k]));
    set_fact(scan, w[1], size, 0);
    break;
  }
  case OP_TYPE_POINTER:
    if (i->count >= 4) set_fact(scan, w[1], value_of(scan, w[3]), w[2]);
    break;
  case OP_CONSTANT:
  case OP_SPEC_CONSTANT:
    if (i->count >= 4) set_fact(scan, w[2], w[3], 0);
    break;
  default: break;
  }
}

static void scan_variable(const scan_t *scan, const instruction_t *i) {
  if (i->count < 4 || i->words[1] >= scan->shader->bound) return;
  const uint64_t size = scan->facts[i->words[1]].value;
  if (i->words[3] == STORAGE_WORKGROUP)
    scan->shader->shared_size = clamp(scan->shader->shared_size + size);
  if (i->words[3] == STORAGE_PUSH_CONSTANT && size > scan->shader->push_size)
    scan->shader->push_size = size;
}

static ee_vulkan_decorated_t *decorated(ee_vulkan_shader_t *shader, uint32_t id) {
  for (uint32_t i = 0; i < shader->decorated_count; ++i) {
    if (shader->decorated[i].id == id) return &shader->decorated[i];
  }
  if (shader->decorated_count == EE_VULKAN_MAX_DECORATED) return NULL;
  ee_vulkan_decorated_t *added = &shader->decorated[shader->decorated_count++];
  *added = (ee_vulkan_decorated_t){.id = id};
  return added;
}

static eerie_status_t scan_decoration(ee_vulkan_shader_t *shader, const instruction_t *i,
                                      eerie_error_t *err) {
  if (i->count < 4 || (i->words[2] != DECORATION_BINDING && i->words[2] != DECORATION_SET))
    return EERIE_OK;
  ee_vulkan_decorated_t *entry = decorated(shader, i->words[1]);
  if (!entry) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a shader with more than %u resources",
                   EE_VULKAN_MAX_DECORATED);
  }
  *(i->words[2] == DECORATION_BINDING ? &entry->slot.binding : &entry->slot.set) = i->words[3];
  return EERIE_OK;
}

static eerie_status_t scan_instruction(scan_t *scan, const instruction_t *i, eerie_error_t *err) {
  switch (i->opcode) {
  case OP_CAPABILITY:
    return i->count < 2 ? EERIE_OK : check_capability(scan->physical, i->words[1], err);
  case OP_MEMORY_MODEL:
    if (i->count >= 2 && i->words[1] != ADDRESSING_LOGICAL &&
        (i->words[1] != ADDRESSING_PHYSICAL_STORAGE_BUFFER ||
         !(scan->physical->features & EE_VULKAN_ADDRESSES))) {
      return lacks(scan->physical, "physical addresses", err);
    }
    return EERIE_OK;
  case OP_ENTRY_POINT: ++scan->shader->entry_count; return EERIE_OK;
  case OP_DECORATE: return scan_decoration(scan->shader, i, err);
  case OP_VARIABLE: scan_variable(scan, i); return EERIE_OK;
  case OP_TYPE_INT:
  case OP_TYPE_FLOAT:
    if (i->count >= 3) EE_TRY(check_width(scan->physical, i->opcode, i->words[2], err));
    scan_type(scan, i);
    return EERIE_OK;
  default: scan_type(scan, i); return EERIE_OK;
  }
}

eerie_status_t ee_vulkan_shader_check(ee_heap_t *heap, const ee_vulkan_physical_t *physical,
                                      ee_vulkan_shader_t *shader, eerie_error_t *err) {
  EE_TRY(check_header(physical, shader, err));
  EE_TRY(check_lengths(shader, err));
  // Compilers number ids without gaps, so there are fewer than words; others are not looked into.
  if (shader->bound > shader->word_count) shader->bound = shader->word_count;
  const size_t size = shader->bound * sizeof(fact_t);
  scan_t scan = {.physical = physical, .shader = shader};
  scan.facts = ee_heap_allocate_zeroed(heap, size);
  if (!scan.facts) return EE_NO_MEMORY(err, size);
  eerie_status_t status = EERIE_OK;
  uint32_t at = HEADER_WORDS;
  instruction_t instruction;
  // Declarations stand before the first function.
  while (status == EERIE_OK && next_instruction(shader, &at, &instruction) &&
         instruction.opcode != OP_FUNCTION) {
    status = scan_instruction(&scan, &instruction, err);
  }
  ee_heap_free(heap, scan.facts, size);
  return status;
}

// ---- Entry points ------------------------------------------------------------------------------

static bool name_is(const instruction_t *i, ee_str_t name) {
  // Words 1 to 3: model, id, text with a NUL behind it.
  if (i->count < 4) return false;
  const size_t room = (i->count - 3) * sizeof(uint32_t);
  const char *text = (const char *)(i->words + 3);
  return name.size < room && memcmp(text, name.data, name.size) == 0 && text[name.size] == 0;
}

static eerie_status_t check_size(const ee_vulkan_physical_t *physical, const uint32_t size[3],
                                 ee_str_t name, eerie_error_t *err) {
  const VkPhysicalDeviceLimits *limits = &physical->properties.limits;
  const uint64_t all = (uint64_t)size[0] * size[1];
  bool fits = all <= limits->maxComputeWorkGroupInvocations &&
              all * size[2] <= limits->maxComputeWorkGroupInvocations;
  for (int i = 0; i < 3; ++i)
    fits = fits && size[i] <= limits->maxComputeWorkGroupSize[i];
  (void)name; // unused in builds without texts
  if (fits) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE,
                 "%.*s: workgroups of %ux%ux%u; device %s runs %ux%ux%u and %u in all",
                 EE_STR_ARG(name), size[0], size[1], size[2], physical->properties.deviceName,
                 limits->maxComputeWorkGroupSize[0], limits->maxComputeWorkGroupSize[1],
                 limits->maxComputeWorkGroupSize[2], limits->maxComputeWorkGroupInvocations);
}

static bool layout_has(const ee_vulkan_layout_t *layout, const ee_vulkan_slot_t *slot) {
  for (uint32_t i = 0; i < layout->slot_count; ++i) {
    if (layout->slots[i].set == slot->set && layout->slots[i].binding == slot->binding) return true;
  }
  return false;
}

// Of several entry points in one shader each may use a part of what is declared.
static eerie_status_t check_resources(const ee_vulkan_physical_t *physical,
                                      const ee_vulkan_shader_t *shader,
                                      const ee_vulkan_layout_t *layout, ee_str_t name,
                                      eerie_error_t *err) {
  (void)name; // unused in builds without texts
  if (shader->entry_count > 1) return EERIE_OK;
  for (uint32_t i = 0; i < shader->decorated_count; ++i) {
    const ee_vulkan_slot_t *slot = &shader->decorated[i].slot;
    if (layout_has(layout, slot)) continue;
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "%.*s: the shader uses binding %u of set %u, which its layout of %u bindings "
                   "does not have",
                   EE_STR_ARG(name), slot->binding, slot->set, layout->slot_count);
  }
  if (shader->push_size > layout->push_size) {
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "%.*s: the shader reads %llu bytes of constants, its layout has %u",
                   EE_STR_ARG(name), (unsigned long long)shader->push_size, layout->push_size);
  }
  if (shader->shared_size > physical->properties.limits.maxComputeSharedMemorySize) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "%.*s: %llu bytes of shared memory; device %s has %u",
                   EE_STR_ARG(name), (unsigned long long)shader->shared_size,
                   physical->properties.deviceName,
                   physical->properties.limits.maxComputeSharedMemorySize);
  }
  return EERIE_OK;
}

eerie_status_t ee_vulkan_entry_check(const ee_vulkan_physical_t *physical,
                                     const ee_vulkan_shader_t *shader,
                                     const ee_vulkan_layout_t *layout, ee_str_t name,
                                     ee_vulkan_entry_t *out_entry, eerie_error_t *err) {
  *out_entry = (ee_vulkan_entry_t){{0, 0, 0}};
  uint32_t at = HEADER_WORDS, id = 0;
  bool found = false;
  instruction_t i;
  while (next_instruction(shader, &at, &i) && i.opcode != OP_FUNCTION) {
    if (i.opcode == OP_ENTRY_POINT && !found && i.count >= 4 && i.words[1] == MODEL_GL_COMPUTE &&
        name_is(&i, name)) {
      found = true;
      id = i.words[2];
    }
    if (i.opcode == OP_EXECUTION_MODE && found && i.count >= 6 && i.words[1] == id &&
        i.words[2] == MODE_LOCAL_SIZE) {
      memcpy(out_entry->workgroup_size, i.words + 3, sizeof out_entry->workgroup_size);
    }
  }
  if (!found) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the shader has no compute entry point '%.*s'",
                   EE_STR_ARG(name));
  }
  EE_TRY(check_size(physical, out_entry->workgroup_size, name, err));
  return check_resources(physical, shader, layout, name, err);
}
