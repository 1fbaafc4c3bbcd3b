/*
 * host_frames STEPS BUDGET_US FOLDER: a host with a VkDevice and frames of its own, which trains beside them on the same queue.
 *
 * Every 16 ms it submits a frame (it fills 8 MB); in the second half of the run a slice of a training step of at most BUDGET_US microseconds follows in each. Prints the time that frames took without and with
 * training, and writes a checkpoint to FOLDER, which `xclr eval --checkpoint FOLDER` reads.
 *
 *   cc -std=c11 -I native/include native/samples/host_frames.c -o host_frames -L build/plugin -lxclr -lvulkan -Wl,-rpath,"$PWD/build/plugin"
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <vulkan/vulkan.h>

#include "xclr.h"

#define FRAME_MS 16.0
#define QUIET_FRAMES 60
#define MAX_FRAMES 100000
#define BATCH 4
#define SIDE 48

static void fail(const char *what) {
  fprintf(stderr, "host_frames: %s\n", what);
  exit(1);
}

static void vk(VkResult result, const char *what) {
  if (result != VK_SUCCESS) fprintf(stderr, "host_frames: %s returned %d\n", what, result), exit(4);
}

static void xclr(xclr_status status) {
  if (status != XCLR_OK) fprintf(stderr, "host_frames: %s\n", xclr_last_error()), exit(status);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * t.tv_sec + 1e-6 * t.tv_nsec;
}

static void sleep_until(double ms) {
  double left = ms - now_ms();
  if (left <= 0) return;
  struct timespec t = {(time_t)(left / 1e3), (long)(left * 1e6) % 1000000000};
  nanosleep(&t, NULL);
}

/* The host's own Vulkan. */
struct host {
  VkInstance instance;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  uint32_t family;
  VkPhysicalDeviceVulkan12Features v12;
  VkPhysicalDeviceFeatures2 features; /* what was enabled, for the library */
  VkCommandPool pool;
  VkCommandBuffer frame;
  VkBuffer buffer;
  VkDeviceMemory memory;
  VkFence fence;
};

static void open_device(struct host *host) {
  VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_2};
  VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &app};
  vk(vkCreateInstance(&info, NULL, &host->instance), "vkCreateInstance");
  uint32_t count = 1;
  VkResult found = vkEnumeratePhysicalDevices(host->instance, &count, &host->physical);
  if ((found != VK_SUCCESS && found != VK_INCOMPLETE) || count == 0) fail("there is no Vulkan device");
  VkQueueFamilyProperties families[16];
  count = 16;
  vkGetPhysicalDeviceQueueFamilyProperties(host->physical, &count, families);
  while (host->family < count && !(families[host->family].queueFlags & VK_QUEUE_COMPUTE_BIT)) host->family++;
  if (host->family == count) fail("the device has no queue that computes");

  VkPhysicalDeviceVulkan12Features offered12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceFeatures2 offered = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &offered12};
  vkGetPhysicalDeviceFeatures2(host->physical, &offered);
  host->v12 = (VkPhysicalDeviceVulkan12Features){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .timelineSemaphore = VK_TRUE, .bufferDeviceAddress = offered12.bufferDeviceAddress};
  host->features = (VkPhysicalDeviceFeatures2){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &host->v12};
  host->features.features.shaderInt64 = offered.features.shaderInt64;
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueFamilyIndex = host->family, .queueCount = 1, .pQueuePriorities = &priority};
  VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &host->features, .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue};
  vk(vkCreateDevice(host->physical, &device, NULL, &host->device), "vkCreateDevice");
  vkGetDeviceQueue(host->device, host->family, 0, &host->queue);
}

/* A frame: a buffer that is filled. */
static void make_frame(struct host *host) {
  VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 8 << 20, .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
  vk(vkCreateBuffer(host->device, &buffer, NULL, &host->buffer), "vkCreateBuffer");
  VkMemoryRequirements needs;
  vkGetBufferMemoryRequirements(host->device, host->buffer, &needs);
  uint32_t type = 0;
  while (!(needs.memoryTypeBits & 1u << type)) type++;
  VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size, .memoryTypeIndex = type};
  vk(vkAllocateMemory(host->device, &memory, NULL, &host->memory), "vkAllocateMemory");
  vk(vkBindBufferMemory(host->device, host->buffer, host->memory, 0), "vkBindBufferMemory");
  VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, .queueFamilyIndex = host->family};
  vk(vkCreateCommandPool(host->device, &pool, NULL, &host->pool), "vkCreateCommandPool");
  VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandPool = host->pool, .commandBufferCount = 1};
  vk(vkAllocateCommandBuffers(host->device, &commands, &host->frame), "vkAllocateCommandBuffers");
  VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  vk(vkBeginCommandBuffer(host->frame, &begin), "vkBeginCommandBuffer");
  vkCmdFillBuffer(host->frame, host->buffer, 0, VK_WHOLE_SIZE, 0x3f800000);
  vk(vkEndCommandBuffer(host->frame), "vkEndCommandBuffer");
  VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  vk(vkCreateFence(host->device, &fence, NULL, &host->fence), "vkCreateFence");
}

static void run_frame(struct host *host) {
  VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &host->frame};
  vk(vkQueueSubmit(host->queue, 1, &submit, host->fence), "vkQueueSubmit");
  vk(vkWaitForFences(host->device, 1, &host->fence, VK_TRUE, UINT64_MAX), "vkWaitForFences");
  vk(vkResetFences(host->device, 1, &host->fence), "vkResetFences");
}

static void close_device(struct host *host) {
  vkDestroyFence(host->device, host->fence, NULL);
  vkDestroyCommandPool(host->device, host->pool, NULL);
  vkDestroyBuffer(host->device, host->buffer, NULL);
  vkFreeMemory(host->device, host->memory, NULL);
  vkDestroyDevice(host->device, NULL);
  vkDestroyInstance(host->instance, NULL);
}

static int rising(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report(const char *what, double *ms, int count) {
  qsort(ms, count, sizeof *ms, rising);
  printf("%s: %d frames, busy for %.2f ms (median), %.2f ms (90 %%), %.2f ms (99 %%), %.2f ms at most\n", what, count, ms[count / 2], ms[count * 9 / 10], ms[count * 99 / 100], ms[count - 1]);
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: host_frames STEPS BUDGET_US FOLDER");
  int steps = atoi(argv[1]), budget = atoi(argv[2]);
  if (steps < 2 || budget < 1) fail("STEPS is 2 or more (the first one is measured), BUDGET_US 1 or more");
  struct host host = {0};
  open_device(&host);
  make_frame(&host);

  xclr_shared_device shared = {.size = sizeof shared, .queue_family = host.family, .instance = host.instance, .physical_device = host.physical, .device = host.device, .queue = host.queue,
                               .get_instance_proc_addr = (void *)vkGetInstanceProcAddr, .features = &host.features};
  xclr_context_info info = {.size = sizeof info, .shared = &shared};
  xclr_context context;
  xclr(xclr_create(&info, &context));
  xclr_trainer trainer;
  xclr(xclr_trainer_create(context, "{\"arch\":\"resnet18\",\"stem\":\"small\",\"width\":0.25,\"image-size\":32,\"augment\":\"light\",\"batch-size\":4,\"steps\":1000,\"loss\":\"simclr\",\"optimizer\":\"adamw\",\"lr\":0.001,\"lr-scaling\":\"none\"}", 0, &trainer));

  static uint8_t pixels[BATCH][SIDE * SIDE * 3];
  xclr_image images[BATCH];
  for (int i = 0; i < BATCH; i++) {
    for (int p = 0; p < SIDE * SIDE * 3; p++) pixels[i][p] = (uint8_t)(p * (i + 3) ^ p >> (i + 2));
    images[i] = (xclr_image){.size = sizeof images[i], .channels = 3, .width = SIDE, .height = SIDE, .pixels = pixels[i]};
  }

  static double quiet[QUIET_FRAMES], training[MAX_FRAMES];
  int frames = 0, step = 0;
  for (int i = 0; i < QUIET_FRAMES; i++) {
    double begin = now_ms();
    run_frame(&host);
    quiet[i] = now_ms() - begin;
    sleep_until(begin + FRAME_MS);
  }
  int32_t done = 1;
  float loss = 0;
  while (step < steps && frames < MAX_FRAMES) {
    double begin = now_ms();
    run_frame(&host);
    if (done) xclr(xclr_trainer_step_begin(trainer, images, NULL, NULL));
    xclr(xclr_trainer_step_slice(trainer, (uint32_t)budget, &done, &loss));
    /* The first step measures dispatch by dispatch; the frames after it are those that the budget shapes. */
    if (step > 0) training[frames++] = now_ms() - begin;
    if (done) printf("step %d: loss %.4f\n", ++step, loss);
    sleep_until(begin + FRAME_MS);
  }
  report("without training", quiet, QUIET_FRAMES);
  report("with training", training, frames);
  xclr(xclr_trainer_save(trainer, argv[3]));
  xclr(xclr_destroy(context)); /* before the host's device */
  close_device(&host);
  return 0;
}
