#version 460
layout(local_size_x=64) in;
layout(std430,binding=0) buffer B{float b[];};
void main(){b[gl_GlobalInvocationID.x]=1.0;}
