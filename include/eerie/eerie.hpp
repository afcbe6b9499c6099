// eerie.hpp: eerie.h for C++20: objects that release themselves, exceptions, spans.
//
//   eerie::Instance instance;
//   eerie::Program program(instance, "multiply.vmfb");
//   const float a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 40};
//   eerie::Function multiply = program["multiply"];
//   eerie::Tensor product = multiply(program.tensor<float>(a), program.tensor<float>(b));
//   for (float value : product.span<float>())
//     std::cout << value << ' ';
//
// A thin layer: every class is one handle of eerie.h, `get()` gives it, and what is not here is
// called there. Copies share the object. A failed call throws eerie::Error, whose text is the
// library's; nothing else throws, but for std::bad_alloc.
#ifndef EERIE_EERIE_HPP_
#define EERIE_EERIE_HPP_

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "eerie/eerie.h"

namespace eerie {

// A call of the library that failed.
class Error : public std::runtime_error {
public:
  Error(eerie_status_t status, const eerie_error_t &record)
      : std::runtime_error(record.message[0] ? record.message : eerie_status_name(status)),
        status_(status) {}
  eerie_status_t status() const noexcept { return status_; }
  const char *name() const noexcept { return eerie_status_name(status_); }

private:
  eerie_status_t status_;
};

// Calls `function` with a record behind its arguments and throws what it fails with.
template <typename Function, typename... Arguments>
void check(Function function, Arguments... arguments) {
  eerie_error_t record = {};
  const eerie_status_t status = function(arguments..., &record);
  if (status != EERIE_OK) throw Error(status, record);
}

// One reference to a handle.
template <typename T, void (*retain)(T *), void (*release)(T *)> class Handle {
public:
  Handle() noexcept = default;
  // Takes over a reference that the caller has.
  explicit Handle(T *owned) noexcept : handle_(owned) {}
  Handle(const Handle &other) noexcept : handle_(other.handle_) {
    if (handle_) retain(handle_);
  }
  Handle(Handle &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle &operator=(Handle other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() { release(handle_); }

  T *get() const noexcept { return handle_; }
  // Gives the reference away.
  T *detach() noexcept { return std::exchange(handle_, nullptr); }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

protected:
  T *handle_ = nullptr;
};

// The dtype of a C++ type.
template <typename T> constexpr eerie_dtype_t dtype_of() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<U, bool>)
    return EERIE_BOOL;
  else if constexpr (std::is_same_v<U, float>)
    return EERIE_F32;
  else if constexpr (std::is_same_v<U, double>)
    return EERIE_F64;
  else if constexpr (std::is_same_v<U, std::complex<float>>)
    return EERIE_COMPLEX64;
  else if constexpr (std::is_same_v<U, std::complex<double>>)
    return EERIE_COMPLEX128;
  else {
    static_assert(std::is_integral_v<U>, "no tensor has elements of this type");
    constexpr unsigned kind = std::is_signed_v<U> ? 0x10000000u : 0x12000000u;
    return static_cast<eerie_dtype_t>(kind | sizeof(U) * 8);
  }
}

class Instance : public Handle<eerie_instance_t, eerie_instance_retain, eerie_instance_release> {
public:
  explicit Instance(const eerie_instance_options_t &options = {}) {
    check(eerie_instance_create, &options, &handle_);
  }
  // Bytes in use now.
  std::size_t memory() const noexcept {
    std::size_t current = 0, peak = 0;
    eerie_instance_memory(handle_, &current, &peak);
    return current;
  }
};

class Device : public Handle<eerie_device_t, eerie_device_retain, eerie_device_release> {
public:
  Device() noexcept = default;
  explicit Device(const Instance &instance, const char *name = nullptr) {
    check(eerie_device_open, instance.get(), name, &handle_);
  }
  explicit Device(eerie_device_t *owned) noexcept : Handle(owned) {}
  std::string_view name() const { return eerie_device_name(handle_); }
};

class Tensor : public Handle<eerie_tensor_t, eerie_tensor_retain, eerie_tensor_release> {
public:
  Tensor() noexcept = default;
  explicit Tensor(eerie_tensor_t *owned) noexcept : Handle(owned) {}

  // A tensor with a copy of `data`, as many elements as `shape` has. INVALID_ARGUMENT: another
  // count.
  template <typename T>
  Tensor(const Device &device, std::span<const T> data, std::span<const std::int64_t> shape) {
    std::uint64_t count = 1;
    for (const std::int64_t size : shape)
      count *= size < 0 ? 0 : static_cast<std::uint64_t>(size);
    if (count != data.size()) {
      eerie_error_t record = {};
      std::snprintf(record.message, sizeof record.message,
                    "%zu elements for a shape of %llu elements", data.size(),
                    static_cast<unsigned long long>(count));
      throw Error(EERIE_INVALID_ARGUMENT, record);
    }
    check(eerie_tensor_create, device.get(), dtype_of<T>(), shape.size(), shape.data(),
          static_cast<const void *>(data.data()), &handle_);
  }

  eerie_dtype_t dtype() const noexcept { return eerie_tensor_dtype(handle_); }
  std::span<const std::int64_t> shape() const noexcept {
    return {eerie_tensor_shape(handle_), eerie_tensor_rank(handle_)};
  }
  std::size_t size() const noexcept {
    return static_cast<std::size_t>(eerie_tensor_count(handle_));
  }

  // The elements, while the tensor lives. INVALID_ARGUMENT: of another type. FAILED_PRECONDITION:
  // on a device whose memory the host does not see; to_vector copies from any.
  template <typename T> std::span<const T> span() const {
    require<T>();
    require_host();
    return {static_cast<const T *>(eerie_tensor_data(handle_)), size()};
  }
  // The same for writing. PERMISSION_DENIED: constants of a module.
  template <typename T> std::span<T> mutable_span() {
    require<T>();
    require_host();
    void *const data = eerie_tensor_mutable_data(handle_);
    if (!data && size())
      refuse(EERIE_PERMISSION_DENIED, "the tensor cannot be written, as a module's constants are");
    return {static_cast<T *>(data), size()};
  }
  // A copy of the elements, from whichever device. INVALID_ARGUMENT: of another type.
  template <typename T> std::vector<T> to_vector() const {
    static_assert(!std::is_same_v<T, bool>, "elements of std::vector<bool> have no addresses");
    require<T>();
    std::vector<T> elements(size());
    check(eerie_tensor_read, static_cast<const eerie_tensor_t *>(handle_), std::uint64_t{0},
          static_cast<void *>(elements.data()), elements.size() * sizeof(T));
    return elements;
  }

private:
  template <typename T> void require() const {
    eerie_error_t record = {};
    if (sizeof(T) * 8 != eerie_dtype_bits(dtype()) || !same_kind(dtype_of<T>(), dtype())) {
      std::snprintf(record.message, sizeof record.message, "a tensor of %s, read as %s",
                    eerie_dtype_name(dtype()), eerie_dtype_name(dtype_of<T>()));
      throw Error(EERIE_INVALID_ARGUMENT, record);
    }
  }
  void require_host() const {
    if (size() && !eerie_tensor_data(handle_))
      refuse(EERIE_FAILED_PRECONDITION,
             "the tensor's memory is not visible to the host; to_vector copies it");
  }
  [[noreturn]] static void refuse(eerie_status_t status, const char *message) {
    eerie_error_t record = {};
    std::snprintf(record.message, sizeof record.message, "%s", message);
    throw Error(status, record);
  }
  // Signless integers are read either way.
  static bool same_kind(eerie_dtype_t wanted, eerie_dtype_t found) noexcept {
    const unsigned a = static_cast<unsigned>(wanted) >> 24, b = static_cast<unsigned>(found) >> 24;
    const auto integer = [](unsigned kind) { return kind >= 0x10 && kind <= 0x13; };
    return a == b || (integer(a) && integer(b));
  }
};

class Module : public Handle<eerie_module_t, eerie_module_retain, eerie_module_release> {
public:
  Module() noexcept = default;
  Module(const Instance &instance, const char *path) {
    check(eerie_module_load_file, instance.get(), path, nullptr, &handle_);
  }
  // Borrows the bytes, which must outlive everything that is made from the module.
  Module(const Instance &instance, std::span<const std::byte> bytes) {
    check(eerie_module_load_memory, instance.get(), static_cast<const void *>(bytes.data()),
          bytes.size(), nullptr, &handle_);
  }
};

// One argument of a call; made of what it is given by itself.
class Argument {
public:
  Argument(const Tensor &tensor) noexcept { // NOLINT: conversion is the point
    value_.kind = tensor ? EERIE_KIND_TENSOR : EERIE_KIND_NONE;
    value_.as.tensor = tensor.get();
  }
  Argument(std::int32_t value) noexcept { // NOLINT
    value_.kind = EERIE_KIND_I32;
    value_.as.i32 = value;
  }
  Argument(std::int64_t value) noexcept { // NOLINT
    value_.kind = EERIE_KIND_I64;
    value_.as.i64 = value;
  }
  Argument(float value) noexcept { // NOLINT
    value_.kind = EERIE_KIND_F32;
    value_.as.f32 = value;
  }
  Argument(double value) noexcept { // NOLINT
    value_.kind = EERIE_KIND_F64;
    value_.as.f64 = value;
  }
  Argument(const eerie_value_t &value) noexcept : value_(value) {} // NOLINT
  const eerie_value_t &value() const noexcept { return value_; }

private:
  eerie_value_t value_ = {};
};

// The results of a call.
class Results {
public:
  explicit Results(std::size_t count) : values_(count) {}
  Results(Results &&) noexcept = default;
  Results &operator=(Results &&) = delete;
  ~Results() {
    for (eerie_value_t &value : values_)
      eerie_value_release(&value);
  }
  std::size_t size() const noexcept { return values_.size(); }
  eerie_value_t &operator[](std::size_t index) { return values_.at(index); }
  // Takes tensor number `index` out. INVALID_ARGUMENT: that result is no tensor.
  Tensor tensor(std::size_t index = 0) {
    eerie_value_t &value = values_.at(index);
    if (value.kind != EERIE_KIND_TENSOR) {
      eerie_error_t record = {};
      std::snprintf(record.message, sizeof record.message, "result %zu is no tensor", index);
      throw Error(EERIE_INVALID_ARGUMENT, record);
    }
    value.kind = EERIE_KIND_NONE;
    return Tensor(value.as.tensor);
  }
  // A function of one result can be used as that.
  operator Tensor() && { return tensor(); } // NOLINT
  eerie_value_t *data() noexcept { return values_.data(); }

private:
  std::vector<eerie_value_t> values_;
};

// A function of a program, valid while that lives.
class Function {
public:
  explicit Function(eerie_function_t *function) noexcept : function_(function) {}
  std::string_view name() const { return eerie_function_name(function_); }
  std::string_view declaration() const { return eerie_function_declaration(function_); }

  template <typename... Arguments> Results operator()(const Arguments &...arguments) const {
    const std::array<eerie_value_t, sizeof...(Arguments)> inputs = {Argument(arguments).value()...};
    return call(inputs);
  }
  Results call(std::span<const eerie_value_t> inputs) const {
    Results results(eerie_function_output_count(function_));
    check(eerie_call, function_, inputs.data(), inputs.size(), results.data(), results.size());
    return results;
  }
  eerie_function_t *get() const noexcept { return function_; }

private:
  eerie_function_t *function_;
};

// Linked modules with their state; one call at a time.
class Program : public Handle<eerie_program_t, eerie_program_retain, eerie_program_release> {
public:
  // One module from a file.
  Program(const Instance &instance, const char *path, Device device = {})
      : Program(instance, Module(instance, path), std::move(device)) {}
  Program(const Instance &instance, const Module &module, Device device = {})
      : device_(device ? std::move(device) : Device(instance)) {
    eerie_program_options_t options = {};
    options.module = module.get();
    options.device = device_.get();
    check(eerie_program_create, instance.get(), &options, &handle_);
  }
  // With all that eerie_program_options_t has; `device` is where `tensor` below makes tensors.
  Program(const Instance &instance, const eerie_program_options_t &options, Device device)
      : device_(std::move(device)) {
    check(eerie_program_create, instance.get(), &options, &handle_);
  }

  Function operator[](const char *name) const {
    eerie_function_t *function = nullptr;
    check(eerie_program_find, handle_, name, &function);
    return Function(function);
  }
  const Device &device() const noexcept { return device_; }

  // A tensor on the program's device; without a shape it has one dimension.
  template <typename T>
  Tensor tensor(std::span<const T> data, std::initializer_list<std::int64_t> shape) const {
    return Tensor(device_, data, std::span(shape.begin(), shape.size()));
  }
  template <typename T> Tensor tensor(std::span<const T> data) const {
    return tensor(data, {static_cast<std::int64_t>(data.size())});
  }

private:
  Device device_;
};

} // namespace eerie

#endif // EERIE_EERIE_HPP_
