// pages.c: the system's memory by the size of its pages.
#include "api/api.h"
#include "port/huge.h"

eerie_allocator_t eerie_system_allocator(eerie_pages_t pages) {
  switch (pages) {
  case EERIE_PAGES_SMALL: return ee_port_allocator_small();
  case EERIE_PAGES_RESERVED: return ee_port_allocator_reserved();
  case EERIE_PAGES_DEFAULT: break;
  }
  return ee_port_allocator();
}
