// later.h: threads for work that nobody waits for: operations of asynchronous calls, which go on
// while the thread that submitted them does something else.
//
// Tasks begin in the order in which they are posted and run at once on up to as many threads as the
// device works with. Threads are started when there is something for them. Within a task work is
// shared as for any caller (workers.h).
#ifndef EE_DRIVERS_CPU_LATER_H_
#define EE_DRIVERS_CPU_LATER_H_

#include "hal/driver.h"

typedef struct ee_later ee_later_t;

// NULL: no memory.
ee_later_t *ee_later_create(ee_heap_t *heap, uint32_t threads);
// No task is left. Ends the threads and waits for them; one of them may call it too, and ends after
// it.
void ee_later_destroy(ee_later_t *later);

// false: there is no thread for it, and nothing was done. `task` stays in its place until it runs.
bool ee_later_post(ee_later_t *later, ee_hal_task_t *task);

// Waits until all tasks that were posted before are over, and those that they posted. On a thread
// of these it returns at once.
void ee_later_settle(ee_later_t *later);

#endif // EE_DRIVERS_CPU_LATER_H_
