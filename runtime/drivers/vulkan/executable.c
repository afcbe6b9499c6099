// executable.c: from a "vulkan-spirv-fb" or "vulkan-spirv-bda-v1" image to pipelines.
//
//   "VKE1" | version 0 | size of the flatbuffer (u64) | zeros up to 64 bytes | flatbuffer "VKE1"
//
// Everything in it is checked before Vulkan sees it: drivers trust what they are given. Source:
// iree/schemas/vulkan_executable_def.fbs of 3.11 and 3.13, and files of those compilers for the
// header.
#include "drivers/vulkan/executable.h"

enum { HEADER_SIZE = 64, MAGIC = 0x31454B56 }; // "VKE1"
// Of pipelines, layouts and shader modules each; compilers put a few hundred into one file at most.
enum { MOST_PARTS = 4096 };

// ExecutableDef
enum { FILE_PIPELINES, FILE_SETS, FILE_LAYOUTS, FILE_SHADERS };
// ShaderModuleDef
enum { SHADER_CODE };
// PipelineDef
enum {
  PIPELINE_SHADER,
  PIPELINE_ENTRY,
  PIPELINE_LAYOUT,
  PIPELINE_SUBGROUP,
  PIPELINE_DEBUG,
  PIPELINE_ABI,
  PIPELINE_BDA
};
// BdaDispatchLayoutDef, BdaBindingDef
enum {
  BDA_VERSION,
  BDA_ROOT,
  BDA_ROOT_SIZE,
  BDA_CONSTANTS,
  BDA_CONSTANT_COUNT,
  BDA_ENTRY_TYPE,
  BDA_BINDING_COUNT,
  BDA_BINDINGS
};
enum { BDA_ALIGNMENT, BDA_LENGTH };
enum { ABI_DESCRIPTORS, ABI_ADDRESSES };
enum { ROOT_SIZE = 32 };
// ExportDef, FileLineLocDef
enum { DEBUG_NAME, DEBUG_LOCATION };
enum { LOCATION_FILE, LOCATION_LINE };

typedef struct part {
  ee_vulkan_shader_t shader;
  VkShaderModule module;
} part_t;

typedef struct reader {
  ee_vulkan_device_t *device;
  ee_vulkan_executable_t *executable;
  ee_fb_t fb;
  part_t *shaders;
  uint32_t shader_count;
  VkSpecializationInfo specialization;
} reader_t;

// ---- The container -----------------------------------------------------------------------------

static eerie_status_t find_flatbuffer(ee_bytes_t data, ee_bytes_t *out_flatbuffer,
                                      eerie_error_t *err) {
  if (data.size < HEADER_SIZE) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "truncated executable: %zu bytes, the header has %d",
                   data.size, HEADER_SIZE);
  }
  const uint32_t magic = ee_load_u32(data.data), version = ee_load_u32(data.data + 4);
  if (magic != MAGIC) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the executable begins with 0x%08x, expected 'VKE1'",
                   magic);
  }
  if (version != 0) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "executable of version %u; version 0 is known",
                   version);
  }
  const uint64_t size = ee_load_u64(data.data + 8);
  if (size < 8 || size > data.size - HEADER_SIZE) {
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "truncated executable: its header says %llu bytes, there are %zu",
                   (unsigned long long)size, data.size - HEADER_SIZE);
  }
  *out_flatbuffer = (ee_bytes_t){data.data + HEADER_SIZE, (size_t)size};
  if (ee_load_u32(out_flatbuffer->data + 4) != MAGIC) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the executable's flatbuffer is not a 'VKE1'");
  }
  return EERIE_OK;
}

// ---- Shaders -----------------------------------------------------------------------------------

static eerie_status_t read_shader(reader_t *reader, part_t *part) {
  ee_vulkan_device_t *device = reader->device;
  ee_fb_t *fb = &reader->fb;
  const ee_fb_vector_t code = ee_fb_vector(fb, SHADER_CODE, 4, EE_FB_NAME("spirv_code"));
  if (fb->status != EERIE_OK) return fb->status;
  part->shader.words = (const uint32_t *)(const void *)code.data;
  part->shader.word_count = code.count;
  EE_TRY(
      ee_vulkan_shader_check(device->queued.base.heap, &device->physical, &part->shader, fb->err));
  const VkShaderModuleCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
      .codeSize = code.count * sizeof(uint32_t),
      .pCode = part->shader.words,
  };
  const VkResult result = device->vk.CreateShaderModule(device->handle, &info, NULL, &part->module);
  if (result == VK_SUCCESS) return EERIE_OK;
  part->module = VK_NULL_HANDLE;
  return ee_vulkan_failed(fb->err, "vkCreateShaderModule", result);
}

static eerie_status_t read_shaders(reader_t *reader, ee_fb_vector_t list) {
  const size_t size = list.count * sizeof *reader->shaders;
  reader->shaders = ee_heap_allocate_zeroed(reader->device->queued.base.heap, size);
  if (!reader->shaders && size) return EE_NO_MEMORY(reader->fb.err, size);
  reader->shader_count = list.count;
  for (uint32_t i = 0; i < list.count; ++i) {
    ee_fb_table_at(&reader->fb, list, i, EE_FB_NAME("shader_modules"));
    const eerie_status_t status = read_shader(reader, &reader->shaders[i]);
    if (status != EERIE_OK) {
      EE_ANNOTATE(reader->fb.err, "shader module %u", i);
      return status;
    }
  }
  return EERIE_OK;
}

static void free_shaders(reader_t *reader) {
  ee_vulkan_device_t *device = reader->device;
  for (uint32_t i = 0; i < reader->shader_count; ++i) {
    if (reader->shaders[i].module)
      device->vk.DestroyShaderModule(device->handle, reader->shaders[i].module, NULL);
  }
  ee_heap_free(device->queued.base.heap, reader->shaders,
               reader->shader_count * sizeof *reader->shaders);
}

// ---- Pipelines ---------------------------------------------------------------------------------

// A copy with a NUL behind it.
static eerie_status_t copy_text(ee_heap_t *heap, ee_str_t text, char **out_copy,
                                eerie_error_t *err) {
  char *copy = ee_heap_allocate(heap, text.size + 1);
  if (!copy) return EE_NO_MEMORY(err, text.size + 1);
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  *out_copy = copy;
  return EERIE_OK;
}

static void free_text(ee_heap_t *heap, char *text) {
  if (text) ee_heap_free(heap, text, ee_str_length(text) + 1);
}

static eerie_status_t read_source(reader_t *reader, ee_vulkan_pipeline_t *pipeline) {
  ee_fb_t *fb = &reader->fb;
  ee_fb_child(fb, PIPELINE_DEBUG, EE_FB_NAME("debug_info"));
  ee_fb_child(fb, DEBUG_LOCATION, EE_FB_NAME("location"));
  const ee_str_t file = ee_fb_string(fb, LOCATION_FILE, false, EE_FB_NAME("filename"));
  pipeline->source_line = ee_fb_u32(fb, LOCATION_LINE, 0);
  if (fb->status != EERIE_OK || file.size == 0) return fb->status;
  return copy_text(reader->device->queued.base.heap, file, &pipeline->source_file, fb->err);
}

static void read_requirements(ee_fb_t *fb, ee_vulkan_addresses_t *addresses) {
  const ee_fb_vector_t list = ee_fb_vector(fb, BDA_BINDINGS, 4, EE_FB_NAME("bindings"));
  if (list.count > addresses->binding_count) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "requirements of %u bindings, there are %u", list.count,
               addresses->binding_count);
  }
  for (uint32_t i = 0; i < list.count && fb->status == EERIE_OK; ++i) {
    ee_fb_table_at(fb, list, i, EE_FB_NAME("bindings"));
    addresses->alignments[i] = ee_fb_u32(fb, BDA_ALIGNMENT, 1);
    addresses->lengths[i] = ee_fb_u64(fb, BDA_LENGTH, 0);
    if (addresses->alignments[i] & (addresses->alignments[i] - 1)) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS, "an alignment of %llu",
                 (unsigned long long)addresses->alignments[i]);
    }
  }
}

static eerie_status_t check_addresses(const ee_vulkan_addresses_t *addresses, uint32_t push_size,
                                      eerie_error_t *err) {
  const uint64_t constants_size = (uint64_t)addresses->constant_count * sizeof(uint32_t);
  const bool constants_fit =
      constants_size == 0 || ee_range_ok(addresses->constant_offset, constants_size, push_size);
  if (constants_fit && addresses->root_offset % 4 == 0 && addresses->constant_offset % 4 == 0 &&
      ee_range_ok(addresses->root_offset, ROOT_SIZE, push_size) &&
      addresses->binding_count <= EE_VULKAN_MAX_BINDINGS) {
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_DATA_LOSS,
                 "a root at %u, %u constants at %u, %u bindings do not fit into %u bytes",
                 addresses->root_offset, addresses->constant_count, addresses->constant_offset,
                 addresses->binding_count, push_size);
}

// The current table is the pipeline's, and is another one after.
static eerie_status_t read_addresses(reader_t *reader, ee_vulkan_pipeline_t *pipeline) {
  ee_fb_t *fb = &reader->fb;
  ee_vulkan_addresses_t *addresses =
      ee_heap_allocate_zeroed(reader->device->queued.base.heap, sizeof *addresses);
  if (!addresses) return EE_NO_MEMORY(fb->err, sizeof *addresses);
  pipeline->addresses = addresses;
  ee_fb_child(fb, PIPELINE_BDA, EE_FB_NAME("bda_dispatch_layout"));
  const uint32_t version = ee_fb_u32(fb, BDA_VERSION, 1);
  const uint32_t root_size = ee_fb_u32(fb, BDA_ROOT_SIZE, ROOT_SIZE);
  const uint8_t entry_type = ee_fb_u8(fb, BDA_ENTRY_TYPE, 0);
  addresses->root_offset = ee_fb_u32(fb, BDA_ROOT, 0);
  addresses->constant_offset = ee_fb_u32(fb, BDA_CONSTANTS, ROOT_SIZE);
  addresses->constant_count = ee_fb_u32(fb, BDA_CONSTANT_COUNT, 0);
  addresses->binding_count = ee_fb_u32(fb, BDA_BINDING_COUNT, 0);
  if (version != 1 || root_size != ROOT_SIZE || entry_type != 0) {
    EE_FB_FAIL(fb, EERIE_INCOMPATIBLE,
               "addresses of version %u, a root of %u bytes, entries of type %u; 1, %d and 0 are "
               "known",
               version, root_size, entry_type, ROOT_SIZE);
  }
  if (fb->status != EERIE_OK) return fb->status;
  EE_TRY(check_addresses(addresses, pipeline->layout->push_size, fb->err));
  read_requirements(fb, addresses);
  return fb->status;
}

// The size of subgroups that a kernel was compiled for must be the one that it runs with.
static eerie_status_t check_subgroup(const ee_vulkan_physical_t *physical, uint32_t size,
                                     bool *out_ask, eerie_error_t *err) {
  *out_ask = false;
  if (size == 0) return EERIE_OK;
  if ((physical->features & EE_VULKAN_SUBGROUP_SIZES) && size >= physical->min_subgroup_size &&
      size <= physical->max_subgroup_size && (size & (size - 1)) == 0) {
    *out_ask = true;
    return EERIE_OK;
  }
  if (size == physical->subgroup_size) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "subgroups of %u; device %s has those of %u", size,
                 physical->properties.deviceName, physical->subgroup_size);
}

static eerie_status_t create_pipeline(reader_t *reader, ee_vulkan_pipeline_t *pipeline,
                                      VkShaderModule module, uint32_t subgroup_size) {
  ee_vulkan_device_t *device = reader->device;
  bool ask;
  EE_TRY(check_subgroup(&device->physical, subgroup_size, &ask, reader->fb.err));
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
      .requiredSubgroupSize = subgroup_size,
  };
  const VkComputePipelineCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .stage =
          {
              .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
              .pNext = ask ? &subgroup : NULL,
              .stage = VK_SHADER_STAGE_COMPUTE_BIT,
              .module = module,
              .pName = pipeline->name,
              .pSpecializationInfo =
                  reader->specialization.mapEntryCount ? &reader->specialization : NULL,
          },
      .layout = pipeline->layout->handle,
      .basePipelineIndex = -1,
  };
  const VkResult result = device->vk.CreateComputePipelines(device->handle, device->cache, 1, &info,
                                                            NULL, &pipeline->handle);
  if (result != VK_SUCCESS) {
    pipeline->handle = VK_NULL_HANDLE;
    return ee_vulkan_failed(reader->fb.err, "vkCreateComputePipelines", result);
  }
  ee_vulkan_name(device, VK_OBJECT_TYPE_PIPELINE, (uint64_t)pipeline->handle, pipeline->name);
  return EERIE_OK;
}

static eerie_status_t read_pipeline(reader_t *reader, ee_vulkan_pipeline_t *pipeline) {
  ee_fb_t *fb = &reader->fb;
  const uint32_t shader = ee_fb_u32(fb, PIPELINE_SHADER, 0);
  const uint32_t layout = ee_fb_u32(fb, PIPELINE_LAYOUT, 0);
  const uint32_t subgroup_size = ee_fb_u32(fb, PIPELINE_SUBGROUP, 0);
  const ee_str_t entry = ee_fb_string(fb, PIPELINE_ENTRY, true, EE_FB_NAME("entry_point"));
  const uint8_t abi = ee_fb_u8(fb, PIPELINE_ABI, ABI_DESCRIPTORS);
  if (abi != ABI_DESCRIPTORS && abi != ABI_ADDRESSES) {
    EE_FB_FAIL(fb, EERIE_INCOMPATIBLE, "kernels that take arguments in way %u; 0 and 1 are known",
               abi);
  }
  if (fb->status != EERIE_OK) return fb->status;
  if (shader >= reader->shader_count || layout >= reader->executable->layout_count) {
    return EE_FAIL(fb->err, EERIE_DATA_LOSS, "shader %u of %u, layout %u of %u", shader,
                   reader->shader_count, layout, reader->executable->layout_count);
  }
  pipeline->layout = &reader->executable->layouts[layout];
  EE_TRY(copy_text(reader->device->queued.base.heap, entry, &pipeline->name, fb->err));
  const ee_fb_table_t table = fb->table;
  if (abi == ABI_ADDRESSES) EE_TRY(read_addresses(reader, pipeline));
  fb->table = table;
  EE_TRY(read_source(reader, pipeline));
  ee_vulkan_entry_t facts;
  EE_TRY(ee_vulkan_entry_check(&reader->device->physical, &reader->shaders[shader].shader,
                               pipeline->layout, entry, &facts, fb->err));
  memcpy(pipeline->workgroup_size, facts.workgroup_size, sizeof facts.workgroup_size);
  return create_pipeline(reader, pipeline, reader->shaders[shader].module, subgroup_size);
}

static eerie_status_t read_pipelines(reader_t *reader, ee_fb_vector_t list) {
  ee_vulkan_executable_t *executable = reader->executable;
  const size_t size = list.count * sizeof *executable->pipelines;
  executable->pipelines = ee_heap_allocate_zeroed(reader->device->queued.base.heap, size);
  if (!executable->pipelines && size) return EE_NO_MEMORY(reader->fb.err, size);
  executable->base.function_count = list.count;
  for (uint32_t i = 0; i < list.count; ++i) {
    ee_fb_table_at(&reader->fb, list, i, EE_FB_NAME("pipelines"));
    ee_vulkan_pipeline_t *pipeline = &executable->pipelines[i];
    const eerie_status_t status = read_pipeline(reader, pipeline);
    if (status != EERIE_OK) {
      EE_ANNOTATE(reader->fb.err, "kernel %u%s%s", i, pipeline->name ? " " : "",
                  pipeline->name ? pipeline->name : "");
      return status;
    }
  }
  return EERIE_OK;
}

// ---- All of it ---------------------------------------------------------------------------------

static eerie_status_t read_parts(reader_t *reader, ee_bytes_t flatbuffer, eerie_error_t *err) {
  ee_fb_t *fb = &reader->fb;
  ee_fb_open(fb, flatbuffer, err);
  const ee_fb_vector_t sets = ee_fb_vector(fb, FILE_SETS, 4, EE_FB_NAME("descriptor_set_layouts"));
  const ee_fb_vector_t layouts = ee_fb_vector(fb, FILE_LAYOUTS, 4, EE_FB_NAME("pipeline_layouts"));
  const ee_fb_vector_t shaders = ee_fb_vector(fb, FILE_SHADERS, 4, EE_FB_NAME("shader_modules"));
  const ee_fb_vector_t pipelines = ee_fb_vector(fb, FILE_PIPELINES, 4, EE_FB_NAME("pipelines"));
  if (fb->status != EERIE_OK) return fb->status;
  if (sets.count > MOST_PARTS || layouts.count > MOST_PARTS || shaders.count > MOST_PARTS ||
      pipelines.count > MOST_PARTS) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                   "%u sets, %u layouts, %u shaders, %u kernels; the limit is %d of each",
                   sets.count, layouts.count, shaders.count, pipelines.count, MOST_PARTS);
  }
  EE_TRY(ee_vulkan_sets_read(reader->device, reader->executable, fb, sets));
  EE_TRY(ee_vulkan_layouts_read(reader->device, reader->executable, fb, layouts));
  EE_TRY(read_shaders(reader, shaders));
  return read_pipelines(reader, pipelines);
}

// Constants of an executable are specialisation constants with ids from 0 on.
static eerie_status_t read_all(reader_t *reader, ee_bytes_t flatbuffer, const uint32_t *constants,
                               size_t constant_count, eerie_error_t *err) {
  ee_heap_t *heap = reader->device->queued.base.heap;
  size_t size;
  if (constant_count > UINT32_MAX / 4 ||
      !ee_mul_size(constant_count, sizeof(VkSpecializationMapEntry), &size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  VkSpecializationMapEntry *entries = ee_heap_allocate(heap, size);
  if (!entries && size) return EE_NO_MEMORY(err, size);
  for (uint32_t i = 0; i < constant_count; ++i)
    entries[i] = (VkSpecializationMapEntry){i, 4 * i, 4};
  reader->specialization = (VkSpecializationInfo){
      .mapEntryCount = (uint32_t)constant_count,
      .pMapEntries = entries,
      .dataSize = constant_count * sizeof *constants,
      .pData = constants,
  };
  const eerie_status_t status = read_parts(reader, flatbuffer, err);
  free_shaders(reader);
  ee_heap_free(heap, entries, size);
  return status;
}

bool ee_vulkan_runs_format(const ee_vulkan_physical_t *physical, ee_str_t format) {
  const uint32_t needed = EE_VULKAN_ADDRESSES | EE_VULKAN_INT64;
  if (ee_str_equal(format, EE_STR("vulkan-spirv-bda-v1")))
    return (physical->features & needed) == needed;
  return ee_str_equal(format, EE_STR("vulkan-spirv-fb"));
}

eerie_status_t ee_vulkan_executable_create(ee_hal_device_t *base, ee_str_t format, ee_bytes_t data,
                                           ee_object_t *data_owner, const uint32_t *constants,
                                           size_t constant_count,
                                           ee_hal_executable_t **out_executable,
                                           eerie_error_t *err) {
  (void)data_owner; // nothing of the file is kept
  if (!ee_vulkan_runs_format(&ee_vulkan_device(base)->physical, format)) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "executables of format '%.*s' do not run on device %s, which takes "
                   "vulkan-spirv-fb",
                   EE_STR_ARG(format), base->name);
  }
  ee_bytes_t flatbuffer;
  EE_TRY(find_flatbuffer(data, &flatbuffer, err));
  ee_vulkan_executable_t *executable = ee_heap_allocate_zeroed(base->heap, sizeof *executable);
  if (!executable) return EE_NO_MEMORY(err, sizeof *executable);
  ee_hal_executable_initialize(&executable->base, base, 0);
  // SPIR-V is words: bytes that lie elsewhere are brought to where words may.
  uint8_t *aligned = NULL;
  eerie_status_t status = EERIE_OK;
  if ((uintptr_t)flatbuffer.data % sizeof(uint32_t)) {
    aligned = ee_heap_allocate(base->heap, flatbuffer.size);
    if (aligned) {
      flatbuffer.data = memcpy(aligned, flatbuffer.data, flatbuffer.size);
    } else {
      status = EE_NO_MEMORY(err, flatbuffer.size);
    }
  }
  reader_t reader = {.device = ee_vulkan_device(base), .executable = executable};
  if (status == EERIE_OK) status = read_all(&reader, flatbuffer, constants, constant_count, err);
  ee_heap_free(base->heap, aligned, flatbuffer.size);
  if (status != EERIE_OK) {
    ee_object_release(&executable->base.object);
    return status;
  }
  ee_vulkan_timing_kernels(executable);
  *out_executable = &executable->base;
  return EERIE_OK;
}

void ee_vulkan_executable_destroy(ee_hal_executable_t *base) {
  ee_vulkan_executable_t *executable = (ee_vulkan_executable_t *)base;
  ee_vulkan_device_t *device = ee_vulkan_device(base->device);
  ee_heap_t *heap = device->queued.base.heap;
  for (uint32_t i = 0; i < base->function_count; ++i) {
    ee_vulkan_pipeline_t *pipeline = &executable->pipelines[i];
    if (pipeline->handle) device->vk.DestroyPipeline(device->handle, pipeline->handle, NULL);
    ee_heap_free(heap, pipeline->addresses, sizeof *pipeline->addresses);
    free_text(heap, pipeline->name);
    free_text(heap, pipeline->source_file);
  }
  ee_heap_free(heap, executable->pipelines, base->function_count * sizeof *executable->pipelines);
  ee_vulkan_layouts_free(device, executable);
  ee_heap_free(heap, executable, sizeof *executable);
}

eerie_status_t ee_vulkan_executable_lookup(ee_hal_executable_t *base, ee_str_t name,
                                           uint32_t *out_function, eerie_error_t *err) {
  const ee_vulkan_executable_t *executable = (const ee_vulkan_executable_t *)base;
  for (uint32_t i = 0; i < base->function_count; ++i) {
    if (!ee_str_equal(ee_str_from(executable->pipelines[i].name), name)) continue;
    *out_function = i;
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_NOT_FOUND, "no kernel '%.*s' among the %u of the executable",
                 EE_STR_ARG(name), base->function_count);
}

eerie_status_t ee_vulkan_dispatch_check(ee_hal_executable_t *base, uint32_t function,
                                        size_t constant_count, size_t binding_count,
                                        eerie_error_t *err) {
  const ee_vulkan_executable_t *executable = (const ee_vulkan_executable_t *)base;
  if (function >= base->function_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "kernel %u of an executable with %u", function,
                   base->function_count);
  }
  const ee_vulkan_pipeline_t *pipeline = &executable->pipelines[function];
  const uint32_t constants = ee_vulkan_constant_count(pipeline);
  const uint32_t bindings = ee_vulkan_binding_count(pipeline);
  if (constant_count != constants || binding_count != bindings) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "kernel %s takes %u constants and %u bindings, the dispatch gives %zu and %zu",
                   pipeline->name, constants, bindings, constant_count, binding_count);
  }
  return EERIE_OK;
}
