// no_threads.h: locks where there are no threads: nothing to lock out, and nobody to wait for.
// Included once by an implementation of port.h that has no threads.
#ifndef EE_PORT_NO_THREADS_H_
#define EE_PORT_NO_THREADS_H_

#include "port/port.h"

void ee_port_monitor_initialize(ee_port_monitor_t *monitor) {
  (void)monitor;
}
void ee_port_monitor_destroy(ee_port_monitor_t *monitor) {
  (void)monitor;
}
void ee_port_monitor_lock(ee_port_monitor_t *monitor) {
  (void)monitor;
}
void ee_port_monitor_unlock(ee_port_monitor_t *monitor) {
  (void)monitor;
}
bool ee_port_monitor_wait(ee_port_monitor_t *monitor, int64_t deadline_ns) {
  (void)monitor, (void)deadline_ns;
  return false;
}
void ee_port_monitor_notify_all(ee_port_monitor_t *monitor) {
  (void)monitor;
}

#endif // EE_PORT_NO_THREADS_H_
