"""The suite itself: which tests are in the fast lane, and in what order a whole run takes them."""
