// Tests of the ELF loader (drivers/cpu/elf.c, elf_machine.c) and of executable.c on real images,
// made by the compiler from tests/modules/elf.mlir. Mutated images are loaded, never run.
#include "drivers/cpu/elf_machine.h"
#include "unit/hal_support.h"

extern const ee_cpu_loader_t ee_cpu_elf_level_loader;
extern const ee_cpu_loader_t ee_cpu_elf_loader;

#if defined(__x86_64__)
#define NATIVE       "x86_64"
#define NATIVE_NAME  "x86-64"
#define FOREIGN      "arm_64"
#define FOREIGN_NAME "aarch64"
#elif defined(__riscv) || defined(__arm__)
#if defined(__arm__)
#define NATIVE      "arm_32"
#define NATIVE_NAME "arm"
#else
#define NATIVE      "riscv_64"
#define NATIVE_NAME "riscv64"
#endif
#define FOREIGN      "x86_64"
#define FOREIGN_NAME "x86-64"
#else
#define NATIVE       "arm_64"
#define NATIVE_NAME  "aarch64"
#define FOREIGN      "x86_64"
#define FOREIGN_NAME "x86-64"
#endif
#define FORMAT "embedded-elf-" NATIVE

// ---- Images ------------------------------------------------------------------------------------

typedef struct image {
  uint8_t *bytes;
  size_t size;
} image_t;

static image_t read_image(const char *arch) {
  char path[512];
  snprintf(path, sizeof path, "%s/elf/%s.so", EERIE_TEST_BINARY_DIR, arch);
  image_t image = {NULL, 0};
  FILE *file = fopen(path, "rb");
  if (!file) return image;
  image.bytes = malloc(1 << 20);
  image.size = fread(image.bytes, 1, 1 << 20, file);
  fclose(file);
  return image;
}

static image_t copy_image(image_t image) {
  image_t copy = {malloc(image.size), image.size};
  memcpy(copy.bytes, image.bytes, image.size);
  return copy;
}

// For cases that look into an image: the layout that they know is that of 64 bits.
#define REQUIRE_WIDE()                                                                             \
  if (sizeof(void *) != 8) SKIP("written for images of 64 bits")

#define REQUIRE_IMAGE(variable, arch)                                                              \
  image_t variable = read_image(arch);                                                             \
  if (!variable.bytes) SKIP("no image " arch ": run the test modules.elf_images first")

static eerie_status_t load(image_t image, ee_cpu_image_t *out, eerie_error_t *err) {
  return ee_cpu_elf_loader.load(NULL, EE_STR(NATIVE), (ee_bytes_t){image.bytes, image.size}, NULL,
                                out, err);
}

// Loads and unloads; the status.
static eerie_status_t try_load(image_t image, eerie_error_t *err) {
  ee_cpu_image_t loaded = {0};
  const eerie_status_t status = load(image, &loaded, err);
  if (status == EERIE_OK) ee_cpu_elf_loader.unload(NULL, &loaded);
  return status;
}

// Fields of the 64-bit format: all images of native machines here are of it.
static uint64_t get(image_t image, size_t at, size_t width) {
  uint64_t value = 0;
  memcpy(&value, image.bytes + at, width);
  return value;
}

static void set(image_t image, size_t at, size_t width, uint64_t value) {
  memcpy(image.bytes + at, &value, width);
}

enum { PH_TYPE = 0, PH_FLAGS = 4, PH_OFFSET = 8, PH_ADDRESS = 16, PH_FILE = 32, PH_MEMORY = 40 };

// File offset of program header number `nth` of `type`.
static size_t header_of(image_t image, uint32_t type, int nth) {
  const size_t table = (size_t)get(image, 32, 8), count = (size_t)get(image, 56, 2);
  for (size_t i = 0; i < count; ++i) {
    if (get(image, table + 56 * i, 4) == type && nth-- == 0) return table + 56 * i;
  }
  return 0;
}

// File offset of the dynamic entry with `tag`; 0 when absent.
static size_t dynamic_entry(image_t image, uint64_t tag) {
  size_t at = (size_t)get(image, header_of(image, 2, 0) + PH_OFFSET, 8);
  for (;; at += 16) {
    if (get(image, at, 8) == tag) return at;
    if (get(image, at, 8) == 0) return 0;
  }
}

// File offset of an address in the image.
static size_t file_offset(image_t image, uint64_t address) {
  for (int i = 0; i < 3; ++i) {
    const size_t h = header_of(image, 1, i);
    const uint64_t start = get(image, h + PH_ADDRESS, 8);
    if (address >= start && address < start + get(image, h + PH_FILE, 8)) {
      return (size_t)(address - start + get(image, h + PH_OFFSET, 8));
    }
  }
  return 0;
}

static int count_mappings(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  int lines = 0;
  for (int c; maps && (c = fgetc(maps)) != EOF;)
    lines += c == '\n';
  if (maps) fclose(maps);
  return lines;
}

// ---- Good images -------------------------------------------------------------------------------

static void runs_the_kernels_of_an_image(void) {
  REQUIRE_IMAGE(image, NATIVE);
  fixture_t f;
  fixture_open(&f);
  ee_hal_executable_t *executable = NULL;
  eerie_error_t err = {.code = EERIE_OK};
  if (!CHECK_OK(ee_hal_executable_create(f.device, EE_STR(FORMAT),
                                         (ee_bytes_t){image.bytes, image.size}, NULL, NULL, 0,
                                         &executable, &err))) {
    fprintf(stderr, "  %s\n", err.message);
    return;
  }
  free(image.bytes); // not needed any more
  REQUIRE(executable->function_count == 1);
  const ee_cpu_library_t *library = ((ee_cpu_executable_t *)executable)->library;
  const char *name = library->exports.names[0];
  CHECK_CONTAINS(name, "scale_dispatch_0");
  uint32_t function = 99;
  CHECK_OK(ee_hal_executable_lookup(executable, ee_str_from(name), &function, NULL));
  CHECK_EQ_INT(function, 0);
  CHECK_STATUS(ee_hal_executable_lookup(executable, EE_STR("nothing"), &function, &err),
               EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "'nothing'");
  ee_hal_buffer_t *x = make_buffer(&f, 64), *y = make_buffer(&f, 64), *z = make_buffer(&f, 64);
  for (int i = 0; i < 16; ++i) {
    ((float *)x->data)[i] = (float)i;
    ((float *)y->data)[i] = 0.5f;
  }
  const ee_hal_binding_t bindings[3] = {whole(x), whole(y), whole(z)};
  const ee_hal_command_t command = {
      .kind = EE_HAL_COMMAND_DISPATCH,
      .executable = executable,
      .workgroup_count = {1, 1, 1},
      .bindings = bindings,
      .binding_count = 3,
  };
  ee_hal_command_list_t *list = NULL;
  REQUIRE_OK(ee_hal_command_list_create(f.device, 0, 0, &list, NULL));
  CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  ee_object_release(&executable->object); // the list keeps it
  const ee_hal_operation_t run = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &run, NULL));
  for (int i = 0; i < 16; ++i)
    CHECK_NEAR(((float *)z->data)[i], 1.5 * i, 0);
  ee_object_release(&list->object);
  ee_hal_buffer_release(x);
  ee_hal_buffer_release(y);
  ee_hal_buffer_release(z);
  fixture_close(&f);
}

static atomic_int owners_destroyed;
static void owner_destroy(ee_object_t *object) {
  (void)object;
  atomic_fetch_add(&owners_destroyed, 1);
}
static const ee_object_type_t owner_type = {"owner", owner_destroy};

// Executables of the same bytes, which the same owner keeps, have one image.
static void programs_share_images(void) {
  REQUIRE_IMAGE(image, NATIVE);
  image_t other = copy_image(image);
  fixture_t f;
  fixture_open(&f);
  ee_object_t owner;
  ee_object_initialize(&owner, &owner_type);
  const ee_bytes_t bytes[3] = {
      {image.bytes, image.size}, {image.bytes, image.size}, {other.bytes, other.size}};
  ee_hal_executable_t *executables[3];
  ee_cpu_kernel_t kernels[3];
  atomic_store(&owners_destroyed, 0);
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(ee_hal_executable_create(f.device, EE_STR(FORMAT), bytes[i], &owner, NULL, 0,
                                        &executables[i], NULL));
    kernels[i] = ((ee_cpu_executable_t *)executables[i])->library->exports.kernels[0];
  }
  CHECK(kernels[0] == kernels[1]);
  CHECK(kernels[0] != kernels[2]);
  ee_object_release(&owner);
  ee_object_release(&executables[0]->object);
  ee_object_release(&executables[2]->object);
  CHECK_EQ_INT(atomic_load(&owners_destroyed), 0); // the second executable holds it
  ee_object_release(&executables[1]->object);
  CHECK_EQ_INT(atomic_load(&owners_destroyed), 1);
  // Every allocation may fail, and the limit counts the pages.
  for (size_t n = 1;; ++n) {
    ee_object_initialize(&owner, &owner_type);
    f.fail_at = atomic_load(&f.allocations) + n;
    ee_hal_executable_t *executable = NULL;
    const eerie_status_t status = ee_hal_executable_create(f.device, EE_STR(FORMAT), bytes[0],
                                                           &owner, NULL, 0, &executable, NULL);
    ee_object_release(&owner);
    if (executable) ee_object_release(&executable->object);
    if (status == EERIE_OK) break;
    if (!CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED)) break;
  }
  f.fail_at = 0;
  f.heap.limit = f.heap.current + 4096;
  ee_hal_executable_t *refused = NULL;
  ee_object_initialize(&owner, &owner_type);
  CHECK_STATUS(
      ee_hal_executable_create(f.device, EE_STR(FORMAT), bytes[0], &owner, NULL, 0, &refused, NULL),
      EERIE_RESOURCE_EXHAUSTED);
  f.heap.limit = 0;
  ee_object_release(&owner);
  free(other.bytes);
  free(image.bytes);
  fixture_close(&f);
}

static void loads_from_any_alignment(void) {
  REQUIRE_IMAGE(image, NATIVE);
  uint8_t *room = malloc(image.size + 64);
  for (size_t shift = 0; shift < 64; ++shift) {
    memcpy(room + shift, image.bytes, image.size);
    CHECK_OK(try_load((image_t){room + shift, image.size}, NULL));
  }
  free(room);
  free(image.bytes);
}

static void pages_are_never_writable_and_executable(void) {
  REQUIRE_IMAGE(image, NATIVE);
  ee_cpu_image_t loaded = {0};
  REQUIRE_OK(load(image, &loaded, NULL));
#if defined(_WIN32)
  FILE *maps = NULL; // one below Wine, of a process that looks otherwise from inside
#else
  FILE *maps = fopen("/proc/self/maps", "r");
#endif
  if (!maps) {
    ee_cpu_elf_loader.unload(NULL, &loaded);
    free(image.bytes);
    SKIP("no /proc/self/maps");
  }
  char line[512];
  bool executable = false, read_only = false;
  while (fgets(line, sizeof line, maps)) {
    unsigned long long begin, end;
    char mode[8];
    if (sscanf(line, "%llx-%llx %7s", &begin, &end, mode) != 3) continue;
    CHECK(!(mode[1] == 'w' && mode[2] == 'x'));
    const uintptr_t query = (uintptr_t)loaded.query;
    if (query >= begin && query < end) executable = mode[2] == 'x' && mode[1] == '-';
    if ((uintptr_t)loaded.pages == begin) read_only = mode[1] == '-' && mode[2] == '-';
  }
  fclose(maps);
  // Emulators of other CPUs show modes of their own for pages of code.
  CHECK(executable || getenv("EERIE_TEST_EMULATED"));
  CHECK(read_only);
  ee_cpu_elf_loader.unload(NULL, &loaded);
  free(image.bytes);
}

// What elf.c says that the compiler writes: a new release that does otherwise shows here first.
static void check_segments(image_t image) {
  enum { LOAD = 1, DYNAMIC = 2, TLS = 7, R = 4, RX = 5, RW = 6 };
  static const uint64_t flags[3] = {R, RX, RW};
  for (int i = 0; i < 3; ++i) {
    const size_t h = header_of(image, LOAD, i);
    if (CHECK(h != 0)) CHECK_EQ_INT(get(image, h + PH_FLAGS, 4), flags[i]);
  }
  CHECK_EQ_INT(header_of(image, LOAD, 3), 0);
  const size_t data = header_of(image, LOAD, 2);
  CHECK(get(image, data + PH_MEMORY, 8) > get(image, data + PH_FILE, 8)); // zeroed data
  CHECK(header_of(image, DYNAMIC, 0) != 0);
  CHECK(header_of(image, 0x6474e552, 0) != 0); // GNU_RELRO
  CHECK_EQ_INT(header_of(image, TLS, 0), 0);
}

static void check_dynamic(image_t image) {
  enum { NEEDED = 1, HASH = 4, INIT = 12, REL = 17, TEXTREL = 22, JMPREL = 23, INIT_ARRAY = 25 };
  CHECK(dynamic_entry(image, HASH) != 0);
  static const uint64_t absent[] = {NEEDED, INIT,       REL,           TEXTREL,
                                    JMPREL, INIT_ARRAY, 36 /* RELR */, 0x6ffffef5 /* GNU_HASH */};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; ++i)
    CHECK_EQ_INT(dynamic_entry(image, absent[i]), 0);
}

static void check_relocations(image_t image, uint32_t relative) {
  enum { RELA = 7, RELASZ = 8 };
  const size_t table = file_offset(image, get(image, dynamic_entry(image, RELA) + 8, 8));
  const size_t size = (size_t)get(image, dynamic_entry(image, RELASZ) + 8, 8);
  CHECK(size > 0 && size % 24 == 0);
  for (size_t i = 0; i < size; i += 24)
    CHECK_EQ_INT(get(image, table + i + 8, 8), relative); // symbol 0 in the upper half
}

// The null symbol, and the export.
static void check_symbols(image_t image) {
  enum { HASH = 4, SYMTAB = 6, SYMBOL_SIZE = 24 };
  const size_t hash = file_offset(image, get(image, dynamic_entry(image, HASH) + 8, 8));
  const size_t table = file_offset(image, get(image, dynamic_entry(image, SYMTAB) + 8, 8));
  const uint64_t count = get(image, hash + 4, 4);
  CHECK_EQ_INT(count, 2);
  for (uint64_t i = 1; i < count; ++i)
    CHECK(get(image, table + (size_t)i * SYMBOL_SIZE + 6, 2) != 0); // undefined
}

static void images_are_as_described(void) {
  static const struct {
    const char *arch;
    uint32_t relative;
  } machines[] = {{"x86_64", 8}, {"arm_64", 1027}, {"riscv_64", 3}};
  for (size_t i = 0; i < sizeof machines / sizeof *machines; ++i) {
    image_t image = read_image(machines[i].arch);
    if (!image.bytes) SKIP("no images: run the test modules.elf_images first");
    check_segments(image);
    check_dynamic(image);
    check_relocations(image, machines[i].relative);
    check_symbols(image);
    free(image.bytes);
  }
}

static void other_machines_are_named(void) {
  static const struct {
    const char *arch, *name;
  } foreign[] = {{FOREIGN, FOREIGN_NAME}, {"arm_32", "arm"}, {"riscv_64", "riscv64"}};
  fixture_t f;
  fixture_open(&f);
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; ++i) {
    if (strcmp(foreign[i].arch, NATIVE) == 0) continue;
    image_t image = read_image(foreign[i].arch);
    if (!image.bytes) SKIP("no images: run the test modules.elf_images first");
    char format[64], expected[96];
    snprintf(format, sizeof format, "embedded-elf-%s", foreign[i].arch);
    snprintf(expected, sizeof expected, "kernels for %s, this CPU is " NATIVE_NAME,
             foreign[i].name);
    ee_hal_executable_t *executable = NULL;
    eerie_error_t err = {.code = EERIE_OK};
    const ee_bytes_t data = {image.bytes, image.size};
    CHECK_STATUS(ee_hal_executable_create(f.device, ee_str_from(format), data, NULL, NULL, 0,
                                          &executable, &err),
                 EERIE_INCOMPATIBLE);
    CHECK_STR(err.message, expected);
    // Under the right format but with a wrong image.
    err.message[0] = 0;
    CHECK_STATUS(try_load(image, &err), EERIE_INCOMPATIBLE);
    CHECK_STR(err.message, expected);
    free(image.bytes);
  }
  ee_hal_executable_t *executable = NULL;
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_executable_create(f.device, EE_STR("cuda-nvptx-fb"), (ee_bytes_t){NULL, 0},
                                        NULL, NULL, 0, &executable, &err),
               EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "'cuda-nvptx-fb'");
  CHECK_STATUS(ee_hal_executable_create(f.device, EE_STR("embedded-elf-z80"), (ee_bytes_t){NULL, 0},
                                        NULL, NULL, 0, &executable, &err),
               EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "unknown machine");
  fixture_close(&f);
}

// ---- Defects, each with its message ------------------------------------------------------------

typedef struct defect {
  const char *name;
  void (*make)(image_t image);
  eerie_status_t status;
  const char *message;
} defect_t;

static void no_magic(image_t i) {
  set(i, 0, 1, 'X');
}
static void bad_class(image_t i) {
  set(i, 4, 1, 3);
}
static void big_endian(image_t i) {
  set(i, 5, 1, 2);
}
static void unknown_machine(image_t i) {
  set(i, 18, 2, 9999);
}
static void not_shared(image_t i) {
  set(i, 16, 2, 2);
}
static void headers_outside(image_t i) {
  set(i, 32, 8, i.size - 55);
}
static void headers_far_outside(image_t i) {
  set(i, 32, 8, UINT64_MAX - 10);
}
static void headers_of_other_size(image_t i) {
  set(i, 54, 2, 32);
}
static void headers_without_end(image_t i) {
  set(i, 56, 2, 0xFFFF);
}
static void no_headers(image_t i) {
  set(i, 56, 2, 0);
}
static void no_dynamic(image_t i) {
  set(i, header_of(i, 2, 0), 4, 0);
}
static void tls(image_t i) {
  set(i, header_of(i, 6, 0), 4, 7);
}
static void bytes_outside(image_t i) {
  set(i, header_of(i, 1, 2) + PH_OFFSET, 8, i.size);
}
static void more_in_file(image_t i) {
  set(i, header_of(i, 1, 2) + PH_MEMORY, 8, 1);
}
static void huge_memory(image_t i) {
  set(i, header_of(i, 1, 2) + PH_MEMORY, 8, 1ull << 40);
}
static void wrapping_memory(image_t i) {
  set(i, header_of(i, 1, 2) + PH_MEMORY, 8, UINT64_MAX);
}
static void far_segment(image_t i) {
  set(i, header_of(i, 1, 2) + PH_ADDRESS, 8, 1ull << 46);
}
static void overlap(image_t i) {
  set(i, header_of(i, 1, 1) + PH_ADDRESS, 8, get(i, header_of(i, 1, 0) + PH_ADDRESS, 8));
}
static void shared_page(image_t i) {
  set(i, header_of(i, 1, 0) + PH_MEMORY, 8, 0x10001);
}
static void write_and_execute(image_t i) {
  set(i, header_of(i, 1, 1) + PH_FLAGS, 4, 7);
}
static void no_code(image_t i) {
  set(i, header_of(i, 1, 1) + PH_FLAGS, 4, 4);
}
static void dynamic_outside(image_t i) {
  set(i, header_of(i, 2, 0) + PH_ADDRESS, 8, 1 << 28);
}
static void needs_library(image_t i) {
  set(i, dynamic_entry(i, 11), 8, 1);
}
static void has_initialiser(image_t i) {
  const size_t at = dynamic_entry(i, 11);
  set(i, at, 8, 12);
  set(i, at + 8, 8, 0x1440);
}
static void relocates_code(image_t i) {
  set(i, dynamic_entry(i, 11), 8, 22);
}
static void packed_relocations(image_t i) {
  set(i, dynamic_entry(i, 11), 8, 36);
}
static void no_hash(image_t i) {
  set(i, dynamic_entry(i, 4), 8, 0x7FFFFFFF);
}
static void odd_symbols(image_t i) {
  set(i, dynamic_entry(i, 11) + 8, 8, 16);
}
static void odd_relocations(image_t i) {
  set(i, dynamic_entry(i, 9) + 8, 8, 25);
}
static void relocations_outside(image_t i) {
  set(i, dynamic_entry(i, 8) + 8, 8, 24 << 20);
}
static void relocations_cut(image_t i) {
  set(i, dynamic_entry(i, 8) + 8, 8, 25);
}
static size_t first_relocation(image_t i) {
  return file_offset(i, get(i, dynamic_entry(i, 7) + 8, 8));
}
static void relocates_constants(image_t i) {
  set(i, first_relocation(i), 8, 0x10);
}
static void relocates_far(image_t i) {
  set(i, first_relocation(i), 8, UINT64_MAX - 3);
}
static void relocation_kind(image_t i) {
  set(i, first_relocation(i) + 8, 8, 6);
}
static void points_outside(image_t i) {
  set(i, first_relocation(i) + 16, 8, 1 << 28);
}
static void points_before(image_t i) {
  set(i, first_relocation(i) + 16, 8, UINT64_MAX - 7);
}
static size_t export_symbol(image_t i) {
  return file_offset(i, get(i, dynamic_entry(i, 6) + 8, 8)) + 24;
}
static void other_name(image_t i) {
  const size_t names = file_offset(i, get(i, dynamic_entry(i, 5) + 8, 8));
  set(i, names + (size_t)get(i, export_symbol(i), 4), 1, 'x');
}
static void name_outside(image_t i) {
  set(i, export_symbol(i), 4, UINT32_MAX);
}
static void undefined_export(image_t i) {
  set(i, export_symbol(i) + 6, 2, 0);
}
static void export_in_data(image_t i) {
  set(i, export_symbol(i) + 8, 8, 0);
}
static void export_outside(image_t i) {
  set(i, export_symbol(i) + 8, 8, 1 << 28);
}
static void symbols_without_end(image_t i) {
  set(i, file_offset(i, get(i, dynamic_entry(i, 4) + 8, 8)) + 4, 4, UINT32_MAX);
}
static void names_outside(image_t i) {
  set(i, dynamic_entry(i, 10) + 8, 8, 1 << 28);
}
static void relro_outside(image_t i) {
  set(i, header_of(i, 0x6474e552, 0) + PH_ADDRESS, 8, 0);
}

static void defects_are_refused_by_name(void) {
  REQUIRE_WIDE();
  REQUIRE_IMAGE(image, NATIVE);
  static const defect_t defects[] = {
      {"no_magic", no_magic, EERIE_DATA_LOSS, "does not start with an ELF header"},
      {"bad_class", bad_class, EERIE_DATA_LOSS, "unknown class"},
      {"big_endian", big_endian, EERIE_DATA_LOSS, "little-endian"},
      {"unknown_machine", unknown_machine, EERIE_INCOMPATIBLE, "an unknown machine"},
      {"not_shared", not_shared, EERIE_DATA_LOSS, "not a shared object"},
      {"headers_outside", headers_outside, EERIE_DATA_LOSS, "past the end of the file"},
      {"headers_far_outside", headers_far_outside, EERIE_DATA_LOSS, "past the end of the file"},
      {"headers_of_other_size", headers_of_other_size, EERIE_DATA_LOSS, "unknown size"},
      {"headers_without_end", headers_without_end, EERIE_DATA_LOSS, "too many program headers"},
      {"no_headers", no_headers, EERIE_DATA_LOSS, "nothing to load"},
      {"no_dynamic", no_dynamic, EERIE_DATA_LOSS, "no dynamic segment"},
      {"tls", tls, EERIE_DATA_LOSS, "thread-local"},
      {"bytes_outside", bytes_outside, EERIE_DATA_LOSS, "past the end of the file"},
      {"more_in_file", more_in_file, EERIE_DATA_LOSS, "more bytes in the file than in memory"},
      {"huge_memory", huge_memory, EERIE_RESOURCE_EXHAUSTED, "from a file of"},
      {"wrapping_memory", wrapping_memory, EERIE_DATA_LOSS, "past the end of memory"},
      {"far_segment", far_segment, EERIE_RESOURCE_EXHAUSTED, "from a file of"},
      {"overlap", overlap, EERIE_DATA_LOSS, "overlap"},
      {"shared_page", shared_page, EERIE_DATA_LOSS, "aligned to less than a page"},
      {"write_and_execute", write_and_execute, EERIE_PERMISSION_DENIED, "writable and executable"},
      {"no_code", no_code, EERIE_DATA_LOSS, "not in the code"},
      {"dynamic_outside", dynamic_outside, EERIE_DATA_LOSS, "not part of the image"},
      {"needs_library", needs_library, EERIE_DATA_LOSS, "another library"},
      {"has_initialiser", has_initialiser, EERIE_DATA_LOSS, "initialisers"},
      {"relocates_code", relocates_code, EERIE_DATA_LOSS, "relocates code"},
      {"packed_relocations", packed_relocations, EERIE_DATA_LOSS, "packed relocations"},
      {"no_hash", no_hash, EERIE_DATA_LOSS, "no symbol hash table"},
      {"odd_symbols", odd_symbols, EERIE_DATA_LOSS, "symbols of an unknown size"},
      {"odd_relocations", odd_relocations, EERIE_DATA_LOSS, "relocations of an unknown size"},
      {"relocations_outside", relocations_outside, EERIE_DATA_LOSS, "not part of the image"},
      {"relocations_cut", relocations_cut, EERIE_DATA_LOSS, "not part of the image"},
      {"relocates_constants", relocates_constants, EERIE_DATA_LOSS, "outside of the writable data"},
      {"relocates_far", relocates_far, EERIE_DATA_LOSS, "outside of the writable data"},
      {"relocation_kind", relocation_kind, EERIE_INCOMPATIBLE, "relocation of type 6"},
      {"points_outside", points_outside, EERIE_DATA_LOSS, "points outside of the image"},
      {"points_before", points_before, EERIE_DATA_LOSS, "points outside of the image"},
      {"other_name", other_name, EERIE_INCOMPATIBLE, "no export iree_hal_executable_library_query"},
      {"name_outside", name_outside, EERIE_INCOMPATIBLE, "no export"},
      {"undefined_export", undefined_export, EERIE_DATA_LOSS, "not in the code"},
      {"export_in_data", export_in_data, EERIE_DATA_LOSS, "not in the code"},
      {"export_outside", export_outside, EERIE_DATA_LOSS, "not in the code"},
      {"symbols_without_end", symbols_without_end, EERIE_DATA_LOSS, "symbol table is not part"},
      {"names_outside", names_outside, EERIE_DATA_LOSS, "symbol table is not part"},
      {"relro_outside", relro_outside, EERIE_DATA_LOSS, "not part of the writable data"},
  };
  const int before = count_mappings();
  for (size_t i = 0; i < sizeof defects / sizeof *defects; ++i) {
    image_t bad = copy_image(image);
    defects[i].make(bad);
    eerie_error_t err = {.code = EERIE_OK};
    if (!CHECK_STATUS(try_load(bad, &err), defects[i].status) ||
        !CHECK_CONTAINS(err.message, defects[i].message)) {
      fprintf(stderr, "  defect %s: %s\n", defects[i].name, err.message);
    }
    free(bad.bytes);
  }
  CHECK(count_mappings() <= before + 2); // malloc may have grown, the loader left nothing
  free(image.bytes);
}

// ---- Sweeps ------------------------------------------------------------------------------------

static void every_truncation_is_harmless(void) {
  REQUIRE_WIDE();
  REQUIRE_IMAGE(image, NATIVE);
  const size_t data = header_of(image, 1, 2);
  const size_t needed = (size_t)(get(image, data + PH_OFFSET, 8) + get(image, data + PH_FILE, 8));
  for (size_t size = 0; size < image.size; ++size) {
    image_t cut = {malloc(size ? size : 1), size}; // its own block: reading past it is seen
    memcpy(cut.bytes, image.bytes, size);
    const eerie_status_t status = try_load(cut, NULL);
    if (size < needed) CHECK(status != EERIE_OK);
    free(cut.bytes);
  }
  free(image.bytes);
}

// All bytes that are not code: headers, tables, data.
static void every_byte_may_be_wrong(void) {
  REQUIRE_IMAGE(image, NATIVE);
  const size_t code = header_of(image, 1, 1);
  const size_t code_begin = (size_t)get(image, code + PH_OFFSET, 8);
  const size_t code_end = code_begin + (size_t)get(image, code + PH_FILE, 8);
  image_t bad = copy_image(image);
  static const uint8_t flips[] = {0x01, 0x02, 0x10, 0x40, 0x80, 0xFF};
  for (size_t at = 0; at < image.size; ++at) {
    if (at >= code_begin && at < code_end) continue;
    for (size_t i = 0; i < sizeof flips; ++i) {
      bad.bytes[at] = image.bytes[at] ^ flips[i];
      (void)try_load(bad, NULL);
    }
    bad.bytes[at] = image.bytes[at];
  }
  free(bad.bytes);
  free(image.bytes);
}

// All words before the code and in the dynamic segment, set to what is hard on arithmetic.
static void every_word_may_be_extreme(void) {
  REQUIRE_IMAGE(image, NATIVE);
  image_t bad = copy_image(image);
  const uint64_t values[] = {0,          1,         0xFFF,          0x1000,
                             image.size, 1u << 31,  UINT32_MAX,     1ull << 32,
                             1ull << 63, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
  for (size_t at = 16; at + 8 <= image.size; at += 4) {
    for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
      memcpy(bad.bytes + at, &values[i], 8);
      (void)try_load(bad, NULL);
    }
    memcpy(bad.bytes + at, image.bytes + at, 8);
  }
  free(bad.bytes);
  free(image.bytes);
}

// ---- What the library says of itself -----------------------------------------------------------

// File offset of the library structure: where the image's query function points.
static size_t library_offset(image_t image) {
  ee_cpu_image_t loaded = {0};
  if (!CHECK_OK(load(image, &loaded, NULL))) return 0;
  const ee_cpu_environment_t environment = {0};
  const ee_cpu_library_t *library = loaded.query(EE_CPU_LIBRARY_VERSION, &environment);
  const size_t at =
      library ? file_offset(image, (uint64_t)((const uint8_t *)library - loaded.pages)) : 0;
  ee_cpu_elf_loader.unload(NULL, &loaded);
  return at;
}

// The header starts the writable data; its pointer in the library is filled in by a relocation.
static size_t header_offset(image_t image, size_t library) {
  const uint64_t place = get(image, header_of(image, 1, 2) + PH_ADDRESS, 8) + library -
                         get(image, header_of(image, 1, 2) + PH_OFFSET, 8);
  for (size_t r = first_relocation(image);; r += 24) {
    if (get(image, r, 8) == place) return file_offset(image, get(image, r + 16, 8));
  }
}

static void foreign_libraries_are_refused(void) {
  REQUIRE_WIDE();
  REQUIRE_IMAGE(image, NATIVE);
  fixture_t f;
  fixture_open(&f);
  const size_t library = library_offset(image);
  REQUIRE(library != 0);
  const size_t header = header_offset(image, library);
  const struct {
    size_t at;
    uint32_t value;
    eerie_status_t status;
    const char *message;
  } changes[] = {
      {header, 7, EERIE_INCOMPATIBLE, "library version 0.7; this build runs version 0.6"},
      {header, 0x00020003, EERIE_INCOMPATIBLE, "library version 2.3"},
      {header + offsetof(ee_cpu_library_header_t, sanitizer), 1, EERIE_INCOMPATIBLE, "sanitizer 1"},
      {library + offsetof(ee_cpu_library_t, constants.count), 3, EERIE_FAILED_PRECONDITION,
       "takes 3 constants, the module gives 0"},
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; ++i) {
    image_t bad = copy_image(image);
    set(bad, changes[i].at, 4, changes[i].value);
    ee_hal_executable_t *executable = NULL;
    eerie_error_t err = {.code = EERIE_OK};
    CHECK_STATUS(ee_hal_executable_create(f.device, EE_STR(FORMAT),
                                          (ee_bytes_t){bad.bytes, bad.size}, NULL, NULL, 0,
                                          &executable, &err),
                 changes[i].status);
    CHECK_CONTAINS(err.message, changes[i].message);
    free(bad.bytes);
  }
  // The pages count against the heap's limit.
  ee_hal_executable_t *refused = NULL;
  f.heap.limit = f.heap.current + 4096;
  CHECK_STATUS(ee_hal_executable_create(f.device, EE_STR(FORMAT),
                                        (ee_bytes_t){image.bytes, image.size}, NULL, NULL, 0,
                                        &refused, NULL),
               EERIE_RESOURCE_EXHAUSTED);
  f.heap.limit = 0;
  // Every allocation may fail.
  for (size_t n = 1;; ++n) {
    f.fail_at = atomic_load(&f.allocations) + n;
    ee_hal_executable_t *executable = NULL;
    const eerie_status_t status =
        ee_hal_executable_create(f.device, EE_STR(FORMAT), (ee_bytes_t){image.bytes, image.size},
                                 NULL, NULL, 0, &executable, NULL);
    if (status == EERIE_OK) {
      CHECK(n > 1);
      ee_object_release(&executable->object);
      break;
    }
    if (!CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED)) break;
  }
  free(image.bytes);
  fixture_close(&f);
}

static void the_machine_table_is_consistent(void) {
  const ee_elf_machine_t *native = ee_elf_machine_native();
  REQUIRE(native);
  CHECK_STR(native->name, NATIVE_NAME);
  CHECK_STR(native->arch, NATIVE);
  CHECK(ee_elf_machine_find(native->id, native->word_size) == native);
  CHECK(ee_elf_machine_by_arch(EE_STR(NATIVE)) == native);
  CHECK(!ee_elf_machine_find(0, 8));
  CHECK(!ee_elf_machine_by_arch(EE_STR("")));
  CHECK(ee_elf_machine_find(243, 4) && ee_elf_machine_find(243, 8));
}

// ---- Levels of a CPU ---------------------------------------------------------------------------

static void levels_ask_for_features(void) {
  const ee_cpu_loader_t *loader = &ee_cpu_elf_level_loader;
  CHECK(loader->supports(EE_STR("2-" NATIVE)));
  CHECK(!loader->supports(EE_STR("1-" NATIVE "+telepathy")));
  CHECK(!loader->supports(EE_STR("1-" NATIVE "+")));
  CHECK(!loader->supports(EE_STR("1-" FOREIGN)));
  CHECK(!loader->supports(EE_STR("1")));
  CHECK(!loader->supports((ee_str_t){NULL, 0}));
  REQUIRE_IMAGE(image, NATIVE);
  const ee_bytes_t bytes = {image.bytes, image.size};
  ee_cpu_image_t loaded = {0};
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(loader->load(NULL, EE_STR("1-" NATIVE "+telepathy"), bytes, NULL, &loaded, &err),
               EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "kernels that use +telepathy");
  if (CHECK_OK(loader->load(NULL, EE_STR("1-" NATIVE), bytes, NULL, &loaded, &err)))
    loader->unload(NULL, &loaded);
  free(image.bytes);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(runs_the_kernels_of_an_image),  RUN(programs_share_images),
      RUN(loads_from_any_alignment),      RUN(pages_are_never_writable_and_executable),
      RUN(images_are_as_described),       RUN(other_machines_are_named),
      RUN(defects_are_refused_by_name),   RUN(every_truncation_is_harmless),
      RUN(every_byte_may_be_wrong),       RUN(every_word_may_be_extreme),
      RUN(foreign_libraries_are_refused), RUN(the_machine_table_is_consistent),
      RUN(levels_ask_for_features),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
