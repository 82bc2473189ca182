# ROS 2 Humble (Ubuntu 22.04, Python 3.10), x86_64 and aarch64. Untried here: it was never built.
#   docker build -f docker/humble.Dockerfile -t deepsort_ros:humble .
FROM ros:humble-ros-base
SHELL ["/bin/bash", "-c"]
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /ws
COPY . src/deepsort_ros
RUN apt-get update && rosdep update \
 && rosdep install --from-paths src --ignore-src --yes \
 && rm -rf /var/lib/apt/lists/*
# MindSpore for the CPU. On a board with an NPU: docs/ascend.md.
RUN pip3 install --no-cache-dir -r src/deepsort_ros/requirements/ascend-310b.txt mindspore==2.7.0
RUN source /opt/ros/humble/setup.bash && colcon build --packages-select deepsort_ros
RUN source install/setup.bash && ros2 run deepsort_ros deepsort doctor --quick
ENTRYPOINT ["/bin/bash", "-c", "source install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "deepsort_ros", "tracker.launch.py"]
