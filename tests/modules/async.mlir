// Exports that take a fence to wait for and one to signal: a call returns before its work is done.

util.func public @mul(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  %r = arith.mulf %x, %y : tensor<4xf32>
  util.return %r : tensor<4xf32>
}
util.func public @same(%x: tensor<4xf32>) -> tensor<4xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  util.return %x : tensor<4xf32>
}
util.func public @dynamic(%x: tensor<?xf32>) -> tensor<?xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  %r = arith.addf %x, %x : tensor<?xf32>
  util.return %r : tensor<?xf32>
}
// The number of steps is in the data, so the function waits in its middle.
util.func public @halve_until(%x: tensor<f32>) -> tensor<f32>
    attributes {iree.abi.model = "coarse-fences"} {
  %one = arith.constant 1.0 : f32
  %half = arith.constant dense<0.5> : tensor<f32>
  %r = scf.while (%v = %x) : (tensor<f32>) -> tensor<f32> {
    %s = tensor.extract %v[] : tensor<f32>
    %go = arith.cmpf ogt, %s, %one : f32
    scf.condition(%go) %v : tensor<f32>
  } do {
  ^bb0(%v: tensor<f32>):
    %w = arith.mulf %v, %half : tensor<f32>
    scf.yield %w : tensor<f32>
  }
  util.return %r : tensor<f32>
}
util.func public @two(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    attributes {iree.abi.model = "coarse-fences"} {
  %a = arith.addf %x, %x : tensor<4xf32>
  %b = arith.mulf %x, %x : tensor<4xf32>
  util.return %a, %b : tensor<4xf32>, tensor<4xf32>
}
// The same export without fences, in one module.
func.func @mul_sync(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %r = arith.mulf %x, %y : tensor<4xf32>
  return %r : tensor<4xf32>
}
// Takes the fences and forgets them.
util.func public @forgets(%wait: !hal.fence, %signal: !hal.fence)
    attributes {iree.abi.stub, iree.reflection = {iree.abi.model = "coarse-fences"}} {
  util.return
}
// Waits for a fence that nobody will signal.
util.func public @waits_for_ever() -> i32 {
  %c0 = arith.constant 0 : index
  %never = arith.constant -1 : i32
  %device = hal.devices.get %c0 : !hal.device
  %fence = hal.fence.create device(%device : !hal.device) flags("None") : !hal.fence
  %status = hal.fence.await until([%fence]) timeout_millis(%never) flags("None") : i32
  util.return %status : i32
}
