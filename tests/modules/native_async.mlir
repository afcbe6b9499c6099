// FLAGS: --iree-execution-model=async-external
// Imports that take a fence to wait for and one to signal.

module @native_async {
  func.func private @host.async(tensor<?xi32>) -> tensor<?xi32> attributes {
    iree.abi.model = "coarse-fences", nosideeffects
  }
  func.func private @host.effect(tensor<?xi32>) -> tensor<?xi32> attributes {
    iree.abi.model = "coarse-fences"
  }

  func.func private @host.later() -> i32

  // Waits in its middle where the host waits.
  func.func @later() -> i32 {
    %0 = call @host.later() : () -> i32
    return %0 : i32
  }
  func.func @async(%a: tensor<?xi32>) -> tensor<?xi32> {
    %0 = arith.muli %a, %a : tensor<?xi32>
    %1 = call @host.async(%0) : (tensor<?xi32>) -> tensor<?xi32>
    %2 = arith.muli %1, %1 : tensor<?xi32>
    return %2 : tensor<?xi32>
  }
  func.func @effect(%a: tensor<?xi32>) -> tensor<?xi32> {
    %0 = arith.muli %a, %a : tensor<?xi32>
    %1 = call @host.effect(%0) : (tensor<?xi32>) -> tensor<?xi32>
    %2 = arith.muli %1, %1 : tensor<?xi32>
    return %2 : tensor<?xi32>
  }
}
