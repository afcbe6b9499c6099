// hal_trace_bare.c: in place of hal_trace.c where nobody reads what modules trace.
#include "bridge/hal_module.h"

eerie_status_t ee_bridge_hal_view_trace(ee_vm_call_t *call) {
  (void)call;
  return EERIE_OK;
}
