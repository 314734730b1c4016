"""What is known of each problem: is this occurrence news?"""
