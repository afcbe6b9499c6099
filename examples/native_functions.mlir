// A model that smooths readings of eight sensors. Where they come from and where the results go is
// not its business: the program that runs it provides a module `host` (native_functions.c).
//
//   eerie compile examples/native_functions.mlir -o native_functions.vmfb

func.func private @host.read(%step: i32) -> tensor<8xf32>
func.func private @host.report(%step: i32, %mean: f32)

func.func @watch(%start: tensor<8xf32>, %steps: i32) -> tensor<8xf32> {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %half = arith.constant dense<0.5> : tensor<8xf32>
  %eighth = arith.constant 0.125 : f32
  %zero = arith.constant dense<0.0> : tensor<f32>
  %end = scf.for %step = %c0 to %steps step %c1 iter_args(%state = %start) -> tensor<8xf32> : i32 {
    %reading = func.call @host.read(%step) : (i32) -> tensor<8xf32>
    %both = arith.addf %state, %reading : tensor<8xf32>
    %next = arith.mulf %both, %half : tensor<8xf32>
    %sum = linalg.reduce ins(%next : tensor<8xf32>) outs(%zero : tensor<f32>) dimensions = [0]
      (%a: f32, %b: f32) {
        %c = arith.addf %a, %b : f32
        linalg.yield %c : f32
      }
    %total = tensor.extract %sum[] : tensor<f32>
    %mean = arith.mulf %total, %eighth : f32
    func.call @host.report(%step, %mean) : (i32, f32) -> ()
    scf.yield %next : tensor<8xf32>
  }
  return %end : tensor<8xf32>
}
