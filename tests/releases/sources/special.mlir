// A kernel of one's own (special.py) with a specialisation constant, which the host computes. Only for
// Vulkan.
#spirv_target = #hal.executable.target<"vulkan-spirv", "vulkan-spirv-fb", {
  iree_codegen.target_info = #iree_gpu.target<
    arch = "", features = "spirv:v1.0,cap:Shader", wgp = <
      compute = fp32|int32, storage = b32, subgroup = none,
      subgroup_size_choices = [4, 64], max_workgroup_sizes = [128, 128, 64],
      max_thread_count_per_workgroup = 128, max_workgroup_memory_bytes = 16384,
      max_workgroup_counts = [65535, 65535, 65535]>>
}>
#vulkan_target = #hal.device.target<"vulkan", [#spirv_target]> : !hal.device
#layout = #hal.pipeline.layout<bindings = [
  #hal.pipeline.binding<storage_buffer, ReadOnly>, #hal.pipeline.binding<storage_buffer>]>

module @special attributes {hal.device.targets = [#vulkan_target]} {
  hal.executable private @kernels {
    hal.executable.variant public @spirv target(#spirv_target)
        objects([#hal.executable.object<{path = "special.spv"}>]) {
      hal.executable.constant.block(%device: !hal.device) -> i32 as "factor" {
        %c = arith.constant 7 : i32
        hal.return %c : i32
      }
      hal.executable.export public @scaled ordinal(0) layout(#layout)
          count(%device: !hal.device, %n: index) -> (index, index, index) {
        %c1 = arith.constant 1 : index
        hal.return %n, %c1, %c1 : index, index, index
      }
    }
  }
  func.func @special(%a: tensor<?xi32>) -> tensor<?xi32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %a, %c0 : tensor<?xi32>
    %0 = flow.dispatch @kernels::@spirv::@scaled[%n](%a) : (tensor<?xi32>{%n}) -> tensor<?xi32>{%n}
    return %0 : tensor<?xi32>
  }
}
