"""Runs openai for Python as it is told, line by line: {"operation", "model", ...} in, {"value"} or {"error"} out."""

import json
import os
import sys

from openai import OpenAI
from pydantic import BaseModel

settings = json.loads(os.environ["LOOM_CONFORMANCE"])
prompts, degrees = settings["prompts"], settings["degrees"]
client = OpenAI(
    base_url=settings["url"] + "/v1",
    api_key=settings["apiKey"],
    default_headers=settings["headers"],
    max_retries=0,
)


class Person(BaseModel):
    name: str
    age: int


parameters = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
weather = {"name": "get_weather", "description": settings["description"], "parameters": parameters}


class Chat:
    def messages(self, prompt):
        return [
            {"role": "system", "content": settings["instructions"]},
            {"role": "user", "content": prompt},
        ]

    def said(self, completion, ids=()):
        [choice], usage = completion.choices, completion.usage
        return {
            "text": choice.message.content,
            "finish": choice.finish_reason,
            "usage": {"input": usage.prompt_tokens, "output": usage.completion_tokens},
            "ids": list(ids),
        }

    def chat(self, model):
        return self.said(client.chat.completions.create(model=model, messages=self.messages(prompts["hello"])))

    def stream(self, model):
        ids = []
        with client.chat.completions.stream(
            model=model, messages=self.messages(prompts["hello"]), stream_options={"include_usage": True}
        ) as stream:
            for event in stream:
                if event.type == "chunk":
                    ids.append(event.chunk.id)
            return self.said(stream.get_final_completion(), ids)

    def call_tools(self, model, stream):
        calls, messages = [], self.messages(prompts["weather"])
        while True:
            request = {"model": model, "messages": messages, "tools": [{"type": "function", "function": weather}]}
            if stream:
                with client.chat.completions.stream(**request) as answer:
                    message = answer.get_final_completion().choices[0].message
            else:
                message = client.chat.completions.create(**request).choices[0].message
            if not message.tool_calls:
                return {"text": message.content, "calls": calls}
            messages.append(message.model_dump(exclude_unset=True, exclude={"parsed"}))
            for call in message.tool_calls:
                asked = json.loads(call.function.arguments)
                calls.append({"name": call.function.name, "input": asked})
                result = json.dumps({"degrees": degrees[asked["city"]]})
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def structured(self, model):
        answer = client.chat.completions.parse(
            model=model, messages=self.messages(prompts["person"]), response_format=Person
        )
        return answer.choices[0].message.parsed.model_dump()

    def abort(self, model):
        text = ""
        with client.chat.completions.create(
            model=model, messages=self.messages(prompts["count"]), stream=True
        ) as stream:
            for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                if len(text) > 10:
                    break
        return text


class Responses:
    def said(self, response, ids=()):
        return {
            "text": response.output_text,
            "finish": response.status,
            "usage": {"input": response.usage.input_tokens, "output": response.usage.output_tokens},
            "ids": list(ids),
        }

    def asking(self, model, prompt):
        return {"model": model, "instructions": settings["instructions"], "input": prompt}

    def chat(self, model):
        return self.said(client.responses.create(**self.asking(model, prompts["hello"])))

    def stream(self, model):
        with client.responses.stream(**self.asking(model, prompts["hello"])) as stream:
            ids = [event.item_id for event in stream if hasattr(event, "item_id")]
            final = stream.get_final_response()
            return self.said(final, ids + [item.id for item in final.output])

    def call_tools(self, model, stream):
        calls, items = [], [{"role": "user", "content": prompts["weather"]}]
        tools = [{"type": "function", **weather}]
        while True:
            request = {**self.asking(model, items), "tools": tools}
            if stream:
                with client.responses.stream(**request) as answer:
                    response = answer.get_final_response()
            else:
                response = client.responses.create(**request)
            asked = [item for item in response.output if item.type == "function_call"]
            if not asked:
                return {"text": response.output_text, "calls": calls}
            for item in asked:
                arguments = json.loads(item.arguments)
                calls.append({"name": item.name, "input": arguments})
                output = json.dumps({"degrees": degrees[arguments["city"]]})
                items.append({"type": "function_call", "call_id": item.call_id, "name": item.name, "arguments": item.arguments})
                items.append({"type": "function_call_output", "call_id": item.call_id, "output": output})

    def structured(self, model):
        answer = client.responses.parse(model=model, input=prompts["person"], text_format=Person)
        return answer.output_parsed.model_dump()

    def abort(self, model):
        text = ""
        with client.responses.create(**self.asking(model, prompts["count"]), stream=True) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    text += event.delta
                if len(text) > 10:
                    break
        return text


api = {"openai-chat": Chat, "openai-responses": Responses}[settings["dialect"]]()
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"value": getattr(api, request.pop("operation"))(**request)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
