// task.c: "local-task": operations run by the caller and by workers together. See task.h.
//
// The device and its driver's table: how many threads there are, what an operation that it is given
// becomes, dispatches that no list holds, executables with the costs of their kernels.
#include "drivers/cpu/task.h"

#if EERIE_THREADS

// Less is done at once though nobody waits for it.
#define LATER_NS 20000u

static eerie_status_t task_run(ee_hal_device_t *base, const ee_hal_operation_t *operation,
                               eerie_error_t *err) {
  ee_task_device_t *device = (ee_task_device_t *)base;
  if (operation->kind != EE_HAL_QUEUE_EXECUTE || !device->workers) {
    return ee_cpu_run(base, operation, err);
  }
  EE_TRY(ee_cpu_commands_check(base, operation, err));
  const ee_cpu_choice_t choice = ee_cpu_cost_choose(ee_task_list_cost(operation->commands));
  ee_task_submission_t submission = {.device = device, .table = operation, .share = choice.share};
  const int64_t begin_ns = choice.learn ? ee_port_time_ns() : 0;
  // As "local-sync" does; workers take over what is set here.
  const uint64_t float_mode = ee_port_float_flush();
  const eerie_status_t status = ee_task_list_run(&submission, err);
  ee_port_float_restore(float_mode);
  if (choice.learn) {
    ee_cpu_cost_learn_choice(&choice, submission.expected_ns, ee_port_time_ns() - begin_ns,
                             choice.share);
  }
  ee_task_leave(&submission);
  return status;
}

// Of an asynchronous call. What takes less than to wake a thread is done at once.
static bool task_later(ee_hal_device_t *base, const ee_hal_operation_t *operation,
                       ee_hal_task_t *task) {
  const ee_task_device_t *device = (const ee_task_device_t *)base;
  if (!device->workers || operation->kind != EE_HAL_QUEUE_EXECUTE) return false;
  return ee_task_list_takes(operation->commands, LATER_NS) &&
         ee_later_post(ee_workers_later(device->workers), task);
}

static void task_settle(ee_hal_device_t *base) {
  const ee_task_device_t *device = (const ee_task_device_t *)base;
  if (device->workers) ee_later_settle(ee_workers_later(device->workers));
}

// A dispatch that no list holds: modules that were compiled to run inline. The mode of the caller's
// thread is left alone, as "local-sync" does.
static eerie_status_t task_dispatch(ee_hal_device_t *base, ee_hal_executable_t *executable,
                                    const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  ee_task_device_t *device = (ee_task_device_t *)base;
  ee_cpu_cost_t *cost = device->workers ? ee_task_cost_of(executable, dispatch->function) : NULL;
  const uint64_t workgroups = ee_task_product(dispatch->workgroup_count);
  if (!cost || workgroups <= 1) return ee_cpu_dispatch(base, executable, dispatch, err);
  const uint64_t ns = ee_cpu_cost_estimate(cost, workgroups);
  ee_task_submission_t submission = {.device = device, .share = true};
  uint32_t wake;
  eerie_status_t status;
  const ee_cpu_choice_t choice =
      ns < EE_SHARE_NS_MIN ? (ee_cpu_choice_t){.cost = cost} : ee_cpu_cost_choose(cost);
  if (choice.share && ee_workers_pay(device->workers, ns, &wake) && ee_task_enter(&submission)) {
    ee_task_job_t job;
    ee_task_job_begin(&job, device, NULL);
    job.entries[0].dispatch = *dispatch;
    const int64_t begin_ns = ee_port_time_ns();
    status = ee_task_job_add_dispatch(&job, (const ee_cpu_executable_t *)executable, 0, err);
    if (status == EERIE_OK) status = ee_task_job_run(&submission, &job, wake, err);
    const int64_t shared_ns = ee_port_time_ns() - begin_ns;
    ee_cpu_cost_learn_choice(&choice, ns, shared_ns, true);
    ee_workers_judge(device->workers, ns, shared_ns);
  } else {
    const bool measure = ee_cpu_cost_is_due(cost, ns) || choice.learn;
    const int64_t begin_ns = measure ? ee_port_time_ns() : 0;
    status = ee_cpu_dispatch(base, executable, dispatch, err);
    if (measure) {
      const int64_t alone_ns = ee_port_time_ns() - begin_ns;
      ee_cpu_cost_learn_choice(&choice, ns, alone_ns, false);
      ee_cpu_cost_learn(cost, alone_ns, workgroups);
    }
  }
  ee_task_leave(&submission);
  return status;
}

// ---- Executables and devices -------------------------------------------------------------------

static eerie_status_t task_executable_create(ee_hal_device_t *device, ee_str_t format,
                                             ee_bytes_t data, ee_object_t *data_owner,
                                             const uint32_t *constants, size_t constant_count,
                                             ee_hal_executable_t **out_executable,
                                             eerie_error_t *err) {
  EE_TRY(ee_cpu_executable_create(device, format, data, data_owner, constants, constant_count,
                                  out_executable, err));
  // Without memory for it nothing is shared.
  ee_cpu_executable_t *executable = (ee_cpu_executable_t *)*out_executable;
  const size_t size = executable->library->exports.count * sizeof(ee_cpu_cost_t);
  if (size) executable->costs = ee_heap_allocate_zeroed(device->heap, size);
  return EERIE_OK;
}

static void task_executable_destroy(ee_hal_executable_t *base) {
  const ee_cpu_executable_t *executable = (const ee_cpu_executable_t *)base;
  if (executable->costs) {
    ee_heap_free(base->device->heap, executable->costs,
                 executable->library->exports.count * sizeof(ee_cpu_cost_t));
  }
  ee_cpu_executable_destroy(base);
}

static bool task_query(ee_hal_device_t *base, ee_str_t category, ee_str_t key, int64_t *out_value) {
  const ee_task_device_t *device = (const ee_task_device_t *)base;
  const bool known = ee_cpu_device_query(base, category, key, out_value);
  if (known && ee_str_equal(key, EE_STR("concurrency")) && device->workers) {
    *out_value = ee_workers_threads(device->workers);
  }
  return known;
}

static void task_close(ee_hal_device_t *base) {
  ee_workers_release(((ee_task_device_t *)base)->workers);
  ee_cpu_device_close(base);
}

static bool is_task(ee_str_t spec) {
  const ee_str_t name = EE_STR("local-task");
  return spec.size >= name.size && memcmp(spec.data, name.data, name.size) == 0;
}

static bool task_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  if (!ee_cpu_driver.device_info(index, out_info)) return false;
  if (is_task(ee_str_from(out_info->name))) {
    out_info->description = "the CPU, on the calling thread and others beside it";
  }
  return true;
}

static eerie_status_t start_workers(ee_task_device_t *device,
                                    const ee_hal_device_options_t *options, eerie_error_t *err) {
  ee_heap_t *heap = device->base.base.heap;
  if (options && options->share) {
    if (options->share->driver != &ee_cpu_task_driver) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "device %s has no threads to share",
                     options->share->name);
    }
    device->workers = ((ee_task_device_t *)options->share)->workers;
    if (device->workers) ee_workers_retain(device->workers);
    return EERIE_OK;
  }
  ee_workers_plan_t plan;
  EE_TRY(ee_workers_plan(heap, "", options, &plan, err));
  eerie_status_t status = EERIE_OK;
  if (plan.threads > 1) status = ee_workers_create(heap, &plan, &device->workers, err);
  ee_workers_plan_free(heap, &plan);
  return status;
}

static eerie_status_t task_open_with(ee_heap_t *heap, ee_str_t spec,
                                     const ee_hal_device_options_t *options,
                                     ee_hal_device_t **out_device, eerie_error_t *err) {
  // Without workers both are the same, and so are the names that both take.
  ee_hal_device_t *inline_device;
  EE_TRY(ee_cpu_device_open(heap, spec, &inline_device, err));
  if (!is_task(spec)) {
    *out_device = inline_device;
    return EERIE_OK;
  }
  ee_task_device_t *device = ee_heap_allocate_zeroed(heap, sizeof *device);
  if (!device) {
    ee_hal_device_release(inline_device);
    return EE_NO_MEMORY(err, sizeof *device);
  }
  ee_hal_device_initialize(&device->base.base, &ee_cpu_task_driver, heap,
                           ee_str_from(inline_device->name), sizeof *device);
  ee_hal_device_release(inline_device);
  ee_port_cpu_data(device->base.features);
  const eerie_status_t status = start_workers(device, options, err);
  if (status != EERIE_OK) {
    ee_hal_device_release(&device->base.base);
    return status;
  }
  *out_device = &device->base.base;
  return EERIE_OK;
}

static eerie_status_t task_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                eerie_error_t *err) {
  return task_open_with(heap, spec, NULL, out_device, err);
}

const ee_hal_driver_t ee_cpu_task_driver = {
    .size = sizeof(ee_hal_driver_t),
    .name = "cpu",
    .device_info = task_device_info,
    .device_open = task_open,
    .device_close = task_close,
    .query = task_query,
    .executable_create = task_executable_create,
    .executable_destroy = task_executable_destroy,
    .executable_lookup = ee_cpu_executable_lookup,
    .dispatch_check = ee_cpu_dispatch_check,
    .run = task_run,
    .dispatch = task_dispatch,
    .host_kernels = &ee_cpu_host_kernels,
    .device_open_with = task_open_with,
    .later = task_later,
    .settle = task_settle,
};

#endif
