"""The science: from pictures to verdicts. Pure numpy, torch, FAISS and OpenCV; of ours it imports the error tree only."""
