// parameters.c: eerie_parameters.h: sets of parameters, which are those of params/.
#include "eerie/eerie_parameters.h"

#include "api/api.h"
#include "params/params.h"

static inline ee_params_set_t *set_of(const eerie_parameters_t *parameters) {
  return (ee_params_set_t *)(uintptr_t)parameters;
}

eerie_status_t eerie_parameters_create(eerie_instance_t *instance, const char *scope,
                                       eerie_parameters_t **out_parameters, eerie_error_t *err) {
  ee_params_set_t *set = NULL;
  const eerie_status_t status =
      ee_params_set_create(&instance->heap, ee_str_from(scope), &set, err);
  *out_parameters = (eerie_parameters_t *)set;
  return status;
}

void eerie_parameters_retain(eerie_parameters_t *parameters) {
  ee_object_retain((ee_object_t *)parameters);
}

void eerie_parameters_release(eerie_parameters_t *parameters) {
  ee_object_release((ee_object_t *)parameters);
}

const char *eerie_parameters_scope(const eerie_parameters_t *parameters) {
  return set_of(parameters)->scope.data;
}

static eerie_status_t not_found(const ee_params_set_t *set, const char *key, eerie_error_t *err) {
  (void)set, (void)key; // unused in builds without texts
  return EE_FAIL(err, EERIE_NOT_FOUND, "no parameter '%s' among the %zu of scope '%s'", key,
                 set->count, set->scope.data);
}

// ---- Adding ------------------------------------------------------------------------------------

eerie_status_t eerie_parameters_add_file(eerie_parameters_t *parameters, const char *path,
                                         const eerie_parameters_options_t *options,
                                         eerie_error_t *err) {
  ee_params_set_t *set = set_of(parameters);
  ee_params_source_t *source = NULL;
  EE_TRY(ee_params_source_open(set->heap, path, options && options->writable, &source, err));
  const eerie_status_t status = ee_params_set_add_archive(set, source, err);
  if (status != EERIE_OK) EE_ANNOTATE(err, "%s", path);
  ee_object_release(&source->object);
  return status;
}

// The bytes are the caller's again when something failed: only then `release` is armed.
static void arm(ee_params_source_t *source, const eerie_parameters_options_t *options) {
  if (!options) return;
  source->release = options->release;
  source->user = options->user;
}

eerie_status_t eerie_parameters_add_memory(eerie_parameters_t *parameters, void *data, size_t size,
                                           const eerie_parameters_options_t *options,
                                           eerie_error_t *err) {
  ee_params_set_t *set = set_of(parameters);
  ee_params_source_t *source = NULL;
  EE_TRY(ee_params_source_wrap(set->heap, data, size, options && options->writable, &source, err));
  const eerie_status_t status = ee_params_set_add_archive(set, source, err);
  if (status == EERIE_OK) arm(source, options);
  ee_object_release(&source->object);
  return status;
}

static eerie_status_t check_info(const eerie_parameter_info_t *info, eerie_error_t *err) {
  const unsigned pattern = info->pattern_size;
  if (info->data || (info->size == 0 && pattern == 0)) {
    if (info->size > SIZE_MAX / 2) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "parameter '%s': %llu bytes", info->key,
                     (unsigned long long)info->size);
    }
  } else if (pattern == 0 || pattern > EE_PARAMS_PATTERN_LIMIT || (pattern & (pattern - 1)) != 0 ||
             info->size % pattern) {
    return EE_FAIL(
        err, EERIE_INVALID_ARGUMENT,
        "parameter '%s': %llu bytes of a pattern of %u: expected 1, 2, 4, 8 or 16, and a "
        "multiple of it",
        info->key, (unsigned long long)info->size, pattern);
  }
  if (info->rank != EE_PARAMS_NO_RANK && info->rank > EERIE_TENSOR_RANK_LIMIT) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "parameter '%s': rank %zu is above the limit of %d",
                   info->key, info->rank, EERIE_TENSOR_RANK_LIMIT);
  }
  for (size_t i = 0; info->rank != EE_PARAMS_NO_RANK && i < info->rank; ++i) {
    if (info->shape[i] >= 0) continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "parameter '%s': dimension %zu is negative: %lld",
                   info->key, i, (long long)info->shape[i]);
  }
  return EERIE_OK;
}

eerie_status_t eerie_parameters_add(eerie_parameters_t *parameters,
                                    const eerie_parameter_info_t *info,
                                    const eerie_parameters_options_t *options, eerie_error_t *err) {
  ee_params_set_t *set = set_of(parameters);
  EE_TRY(check_info(info, err));
  ee_params_entry_t entry = {
      .key = ee_str_from(info->key),
      .size = info->size,
      .pattern_size = info->data ? 0 : info->pattern_size,
      .dtype = (uint32_t)info->dtype,
      .type_name = info->dtype ? eerie_dtype_name(info->dtype) : "",
      .rank = info->rank,
      .shape = info->shape,
  };
  memcpy(entry.pattern, info->pattern, entry.pattern_size);
  if (!info->data) return ee_params_set_add(set, &entry, err);
  EE_TRY(ee_params_source_wrap(set->heap, (void *)(uintptr_t)info->data, (size_t)info->size,
                               options && options->writable, &entry.source, err));
  entry.data = entry.source->data;
  const eerie_status_t status = ee_params_set_add(set, &entry, err);
  if (status == EERIE_OK) arm(entry.source, options);
  ee_object_release(&entry.source->object);
  return status;
}

eerie_status_t eerie_parameters_add_from(eerie_parameters_t *parameters, const char *key,
                                         const eerie_parameters_t *source, const char *source_key,
                                         eerie_error_t *err) {
  const ee_params_set_t *from = set_of(source);
  const ee_params_entry_t *found = ee_params_set_find(from, ee_str_from(source_key));
  if (!found) return not_found(from, source_key, err);
  ee_params_entry_t entry = *found;
  if (key) entry.key = ee_str_from(key);
  return ee_params_set_add(set_of(parameters), &entry, err);
}

// ---- Looking -----------------------------------------------------------------------------------

static void describe(const ee_params_entry_t *entry, eerie_parameter_info_t *info) {
  const ee_params_source_t *source = entry->source;
  *info = (eerie_parameter_info_t){
      .key = entry->key.data,
      .size = entry->size,
      .data = entry->data,
      .pattern_size = entry->pattern_size,
      .dtype = (eerie_dtype_t)entry->dtype,
      .type_name = entry->type_name,
      .rank = entry->rank,
      .shape = entry->shape,
      .source = source ? source->path : "",
      .source_offset = source && entry->data ? (uint64_t)(entry->data - source->data) : 0,
  };
  memcpy(info->pattern, entry->pattern, entry->pattern_size);
}

size_t eerie_parameters_count(const eerie_parameters_t *parameters) {
  return set_of(parameters)->count;
}

bool eerie_parameters_entry(const eerie_parameters_t *parameters, size_t index,
                            eerie_parameter_info_t *out_info) {
  const ee_params_set_t *set = set_of(parameters);
  if (index >= set->count) {
    *out_info = (eerie_parameter_info_t){.key = NULL};
    return false;
  }
  describe(&set->entries[index], out_info);
  return true;
}

eerie_status_t eerie_parameters_find(const eerie_parameters_t *parameters, const char *key,
                                     eerie_parameter_info_t *out_info, eerie_error_t *err) {
  const ee_params_set_t *set = set_of(parameters);
  const ee_params_entry_t *entry = ee_params_set_find(set, ee_str_from(key));
  *out_info = (eerie_parameter_info_t){.key = NULL};
  if (!entry) return not_found(set, key, err);
  describe(entry, out_info);
  return EERIE_OK;
}

void eerie_parameters_observe(eerie_parameters_t *parameters,
                              void (*observe)(void *user, const char *key, size_t key_size,
                                              uint64_t offset, uint64_t size, bool found),
                              void *user) {
  ee_params_set_t *set = set_of(parameters);
  set->observer = observe;
  set->observer_user = user;
}

// ---- Writing -----------------------------------------------------------------------------------

eerie_status_t
eerie_parameters_write(const eerie_parameters_t *parameters, eerie_parameters_format_t format,
                       eerie_status_t (*write)(void *user, const void *data, size_t size),
                       void *user, const eerie_parameters_write_options_t *options,
                       eerie_error_t *err) {
  ee_params_output_t output = {.write = write, .user = user, .err = err};
  if (options) {
    output.progress = options->progress;
    output.progress_user = options->user;
  }
  switch (format) {
  case EERIE_PARAMETERS_IRPA: return ee_params_write_irpa(set_of(parameters), &output);
  case EERIE_PARAMETERS_SAFETENSORS:
    return ee_params_write_safetensors(set_of(parameters), &output);
  }
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "no format of archives has the number %d",
                 (int)format);
}
