# A small SDPose of ours, 2 cycles. The weights that come with the package were made with it, on 8,000
# images of another seed and 2 CPU cores, in about two hours: first the backbone under MMPose's heatmap
# head, which learns faster from nothing (stopped after epoch 8), then the whole model with one cycle
# (stopped after epoch 14; AP 0.262 on the 300 held-out images, 0.000 for the mean pose):
#   mim run mmpose_sdpose make_synthpose --out data/pretrain --train 8000 --val 300 --seed 1
#   export SYNTHPOSE_ROOT=data/pretrain OMP_NUM_THREADS=1
#   mim train mmpose_sdpose td-hm_res18-thin_2xb16-16e_synthpose-128x96.py --launcher pytorch --gpus 2 \
#       --work-dir work_dirs/res18 --cfg-options randomness.seed=0 env_cfg.dist_cfg.backend=gloo
#   mim train mmpose_sdpose td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py --launcher pytorch --gpus 2 \
#       --work-dir work_dirs/sdpose-n --cfg-options randomness.seed=0 env_cfg.dist_cfg.backend=gloo \
#       model.head.num_cycles=1 load_from=work_dirs/res18/epoch_8.pth
#   mim run mmpose_sdpose publish_checkpoint \
#       work_dirs/sdpose-n/epoch_14.pth sdpose-n_synthpose-128x96.pth
_base_ = ['../../../_base_/token_heatmap_synthpose.py']

model = dict(head=dict(num_cycles=2))
