// A dispatch is a flat number of workgroups laid out over x, y, z within the device's limits (Recorder.Dispatch). Shaders see the flat
// number only. The grid may be larger than the number asked for: return at once (before any barrier) where flat_group() is past the end.
uint flat_group() {
  return (gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y) * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

// Flat index of this invocation, for kernels with one invocation per element; compare with the element count before use.
// A macro, because glslang takes gl_WorkGroupSize for 1 in a function that stands before the shader's local_size declaration.
#define flat_invocation() (flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationIndex)
