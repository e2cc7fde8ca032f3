wrk.method = "POST"
wrk.body = '{"title": "a note", "words": 12}'
wrk.headers["Content-Type"] = "application/json"
