// Calls what `part` exports, with tensors that its own kernels made and then use.
module @whole {
  util.func private @part.scale(!hal.buffer_view, !hal.buffer_view) -> !hal.buffer_view
  util.func private @part.later(!hal.buffer_view, !hal.fence, !hal.fence) -> !hal.buffer_view
  util.func private @part.next(i32) -> i32

  // (x + 1) * y - 1, the product by the other module
  func.func @through(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
    %one = arith.constant dense<1.0> : tensor<4xf32>
    %0 = arith.addf %x, %one : tensor<4xf32>
    %a = hal.tensor.export %0 : tensor<4xf32> -> !hal.buffer_view
    %b = hal.tensor.export %y : tensor<4xf32> -> !hal.buffer_view
    %c = util.call @part.scale(%a, %b) : (!hal.buffer_view, !hal.buffer_view) -> !hal.buffer_view
    %1 = hal.tensor.import %c : !hal.buffer_view -> tensor<4xf32>
    %2 = arith.subf %1, %one : tensor<4xf32>
    return %2 : tensor<4xf32>
  }
  // 2 x + 1, the sum by the other module, which signals when it is done
  func.func @awaits(%x: tensor<?xf32>) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %a = hal.tensor.export %x : tensor<?xf32>{%n} -> !hal.buffer_view
    %device = hal.devices.get %c0 : !hal.device
    %null = util.null : !hal.fence
    %fence = hal.fence.create device(%device : !hal.device) flags("None") : !hal.fence
    %b = util.call @part.later(%a, %null, %fence)
        : (!hal.buffer_view, !hal.fence, !hal.fence) -> !hal.buffer_view
    %0 = hal.tensor.import wait(%fence) => %b : !hal.buffer_view -> tensor<?xf32>{%n}
    %one = arith.constant 1.0 : f32
    %e = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.fill ins(%one : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %1 = arith.addf %0, %s : tensor<?xf32>
    return %1 : tensor<?xf32>
  }
  util.func public @twice(%by: i32) -> (i32, i32) {
    %0 = util.call @part.next(%by) : (i32) -> i32
    %1 = util.call @part.next(%by) : (i32) -> i32
    util.return %0, %1 : i32, i32
  }
}
