// Kernels that call functions of their host: one that writes to memory and asks for the processor,
// one that returns a value, and code of the compiler's own around them.
stream.executable private @host {
  stream.executable.export public @scale workgroups(%count: index) -> (index, index, index) {
    %x = affine.apply affine_map<()[s0] -> (s0 ceildiv 64)>()[%count]
    %c1 = arith.constant 1 : index
    stream.return %x, %c1, %c1 : index, index, index
  }
  stream.executable.export public @total workgroups() -> (index, index, index) {
    %c1 = arith.constant 1 : index
    stream.return %c1, %c1, %c1 : index, index, index
  }
  builtin.module {
    // (x, offset, y, offset, z, offset, count, workgroup, factor), then the fields.
    func.func private @test_scale(memref<f32>, index, memref<f32>, index, memref<f32>, index, index,
                                  index, f32)
        attributes {hal.import.fields = ["processor_id", "processor_data"], llvm.bareptr = true}
    // (x, offset, count) -> sum
    func.func private @test_total(memref<f32>, index, index) -> f32 attributes {llvm.bareptr = true}

    func.func @scale(%x: !stream.binding, %y: !stream.binding, %z: !stream.binding, %count: index,
                     %factor: f32) {
      %c0 = arith.constant 0 : index
      %id = stream.dispatch.workgroup.id[0] : index
      %mx = stream.binding.subspan %x[%c0] : !stream.binding -> memref<?xf32>{%count}
      %my = stream.binding.subspan %y[%c0] : !stream.binding -> memref<?xf32>{%count}
      %mz = stream.binding.subspan %z[%c0] : !stream.binding -> memref<?xf32>{%count}
      %bx, %ox, %sx, %tx = iree_codegen.extract_strided_metadata %mx
          : memref<?xf32> -> memref<f32>, index, index, index
      %by, %oy, %sy, %ty = iree_codegen.extract_strided_metadata %my
          : memref<?xf32> -> memref<f32>, index, index, index
      %bz, %oz, %sz, %tz = iree_codegen.extract_strided_metadata %mz
          : memref<?xf32> -> memref<f32>, index, index, index
      func.call @test_scale(%bx, %ox, %by, %oy, %bz, %oz, %count, %id, %factor)
          : (memref<f32>, index, memref<f32>, index, memref<f32>, index, index, index, f32) -> ()
      return
    }
    func.func @total(%x: !stream.binding, %z: !stream.binding, %count: index) {
      %c0 = arith.constant 0 : index
      %mx = stream.binding.subspan %x[%c0] : !stream.binding -> memref<?xf32>{%count}
      %mz = stream.binding.subspan %z[%c0] : !stream.binding -> memref<f32>
      %bx, %ox, %sx, %tx = iree_codegen.extract_strided_metadata %mx
          : memref<?xf32> -> memref<f32>, index, index, index
      %sum = func.call @test_total(%bx, %ox, %count) : (memref<f32>, index, index) -> f32
      memref.store %sum, %mz[] : memref<f32>
      return
    }
  }
}

// x * y * factor + y
func.func @scaled(%x: tensor<?xf32>, %y: tensor<?xf32>, %factor: f32) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %count = tensor.dim %x, %c0 : tensor<?xf32>
  %z = flow.dispatch @host::@scale[%count](%x, %y, %count, %factor)
      : (tensor<?xf32>{%count}, tensor<?xf32>{%count}, index, f32) -> tensor<?xf32>{%count}
  %sum = arith.addf %z, %y : tensor<?xf32>
  return %sum : tensor<?xf32>
}

func.func @total(%x: tensor<?xf32>) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %count = tensor.dim %x, %c0 : tensor<?xf32>
  %z = flow.dispatch @host::@total(%x, %count) : (tensor<?xf32>{%count}, index) -> tensor<f32>
  return %z : tensor<f32>
}
