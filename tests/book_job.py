"""A book, written by a policy for the loopback provider: chapters right, short, long, cut and repetitive in turn."""

import json
import random
import re
from dataclasses import replace

from l2mac.processor.protocol import Message, Reply
from l2mac.testing import calls

from .text_job import spoken

HABITS = ("right", "short", "long", "cut", "repetitive")
_HEADS = 4
_WORDS = re.findall(
    r"\w+",
    """
about above across after again against almost along already always another answer around autumn away beautiful
because become before began behind below beneath beside better between beyond board bread bridge bright brother
brought build burning called candle careful carried castle certain children church city clean clear clock close
cloud coast coffee cold come cook copper corner country courage cover cross daughter dark deep desk different dinner
distance door doubt dream dress drink during early earth easy empty enough evening every except eyes face family far
farmer father field fire first flour flower follow forest forget found fresh friend front full garden gate gave
gentle glass gold good grandmother grass great green ground half hand happen harbour hard heart heavy help hidden
high hill history home honest hope horse hour house hundred hungry idea important inside island journey kitchen knew
know lamp land language large last later laugh learn leave left letter light listen little long look lost love
machine make market matter meadow measure meet memory message middle might mill mind minute mirror moment money
month moon morning mother mountain mouth move much music name narrow near never news night noise north nothing
number ocean often open orange other outside over paper part past patience people perhaps picture place plain plant
plate play pocket point poor promise pull question quick quiet rain reach ready reason remember rest return rich
right ring river road roof room round sail salt same sand school season second secret seem seven shadow shape share
sharp ship shore short shoulder side silence silver simple sister sleep slow small smile smoke snow soft someone
song soon sound south speak spring square stair stand star start station stay steam still stone story strange street
strong summer sudden sugar table teacher thank thick thing think thought thread through thunder time together
tomorrow tower town travel tree true trust turn uncle under understand until upon village visit voice wait walk wall
warm watch water weather week weight west wheel white whole wide wind window winter without wonder wood word work
world write year yellow yesterday young
""",
)


class BookJob:
    """A policy that looks at nothing but the request.

    Args:
        chapters: how many it plans.
        words: how long each is to be.
        reply: words that one reply holds.
        habits: what it does wrong at first, chapter after chapter.
        cites: stands in the first sentence of each chapter.
    """

    def __init__(self, chapters, words, reply=900, habits=HABITS, cites=""):
        self.chapters, self.words, self.reply, self.habits, self.cites = chapters, words, reply, habits, cites

    def __call__(self, body):
        messages = body["messages"]
        offered = {tool["function"]["name"] for tool in body["tools"]}
        last = messages[-1]["content"]
        if "submit_program" in offered:
            return self._plan("\n".join(it["content"] or "" for it in messages[1:]))
        found = next(it for m in messages if (it := re.match(r"# Instruction I(\d+):", m["content"] or "")))
        number, turns = int(found[1]), sum(it["role"] == "assistant" for it in messages)
        fresh = turns == 0 and "# So far" not in last
        if number == 1:
            return self._frame("" if fresh else json.dumps(messages))
        if number == self.chapters + 2:
            return calls(("complete_instruction", {"summary": "Looked over."}))
        return self._chapter(number - 1, fresh, last)

    # -- the program ----------------------------------------------------------------------------------------------

    def _plan(self, seen):
        done = [
            int(it)
            for it in re.findall(r"(\d+) instructions so far|(\d+) instructions are submitted", seen)
            for it in it
            if it
        ]
        start = max(done, default=0)
        steps = [self._step(number) for number in range(start + 1, self.chapters + 3)][:20]
        more = start + len(steps) < self.chapters + 2
        wanted = [{"id": f"R{k}", "text": f"Chapter {k} tells of day {k}."} for k in self._shown()]
        asked = {"requirements": wanted if start == 0 else [], "instructions": steps, "more": more}
        return calls(("submit_program", asked if more else {**asked, "more": False}))

    def _shown(self):
        return range(1, self.chapters + 1, max(self.chapters // 10, 1))

    def _step(self, number):
        k = number - 1
        if number == 1:
            return {"id": "I1", "title": "Plan the book", "text": "Write book.yaml, outline.yaml and the canon."}
        if k > self.chapters:
            last = {"id": f"I{number}", "title": "Look it over", "text": "Read the whole.", "needs": [f"I{number - 1}"]}
            return {**last, "covers": [f"R{k}" for k in self._shown()]}
        covers = [f"R{k}"] if k in self._shown() else []
        step = {"id": f"I{number}", "title": f"Write chapter {k}", "text": f"Tell of day {k}, and of nothing else."}
        return {**step, "covers": covers, "needs": ["I1", f"I{number - 1}"][: min(k, 2)], "files": [self.path(k)]}

    def _frame(self, seen):
        """The outline in parts of twenty chapters, each found by the last entry of the one before."""
        wrote = [int(it) for it in re.findall(r"id: day-(\d+),", seen)]
        start = max(wrote, default=0)
        entries = [self._entry(k) for k in range(start + 1, min(start + 20, self.chapters) + 1)]
        acts = []
        if start == 0:
            texts = {
                "book.yaml": "title: The Book of Days\nlanguage: en\naudience: readers\nvoice: plain\n",
                "canon/people.yaml": "- name: Anna Rossi\n  facts: {age: 34}\n",
                "canon/terms.yaml": "- term: harbour\n  definition: Where ships lie.\n",
                "outline.yaml": "chapters:\n" + "".join(entries),
            }
            acts.append(("write_files", {"files": [{"path": p, "content": t} for p, t in texts.items()]}))
        elif entries:
            end = self._entry(start)
            edit = {"find": end, "replace": end + "".join(entries)}
            acts.append(("edit_file", {"path": "outline.yaml", "edits": [edit]}))
        if start + len(entries) == self.chapters:
            acts.append(("complete_instruction", {"summary": "The book is planned."}))
        return calls(*acts)

    def _entry(self, k):
        heads = [f"Hour {k}.{part}" for part in range(1, _HEADS + 1)]
        return f"  - {{id: day-{k}, title: Day {k}, file: {self.path(k)}, words: {self.words}, headings: {heads}}}\n"

    def path(self, k):
        return f"chapters/{k:0{2 if self.chapters < 100 else 3}}.md"

    # -- a chapter ------------------------------------------------------------------------------------------------

    def pieces(self, k, words):
        """A chapter's text in pieces that may each be the last of a reply: sentences, and what stands before them."""
        chance = random.Random(k)
        said = " ".join(filter(None, ["The harbour was quiet", self.cites]))
        front = f"---\nid: day-{k}\ntitle: Day {k}\nindex: [harbour]\n---\n\n# Day {k}\n\n{said}.\n"
        made, count = [front], 6
        for part in range(1, _HEADS + 1):
            before, sentences = f"\n## Hour {k}.{part}\n\n", 0
            while count < words * part // _HEADS:
                size = min(16, max(words * part // _HEADS - count, 4))
                count += size
                told = " ".join(chance.choices(_WORDS, k=size)).capitalize()
                made.append(f"{before}{told}.\n" if sentences % 5 == 4 else f"{before}{told}. ")
                before, sentences = "\n" if sentences % 5 == 4 else "", sentences + 1
            made[-1] = made[-1].rstrip() + "\n"
        return made

    def _chapter(self, k, fresh, last):
        habit = self.habits[k % len(self.habits)]
        path, pieces = self.path(k), self.pieces(k, self.words)
        first = self._write(path, self._some(pieces, 0, self.reply // (2 if habit == "short" else 1))[0])
        if "your reply was cut" in last:
            return calls(self._write(path, self._some(pieces, 0, self.reply // 2)[0]))
        if fresh and habit == "cut":
            return self._cut(calls(first))
        if fresh and habit == "repetitive" and k > 1:
            return calls(self._write(path, "".join(pieces[:2]) + self._copied(k)))
        if fresh:
            return self._completed(k, path, first) if habit == "short" else calls(first)
        if ": repeated:" in last:
            return calls(self._edit(path, self._copied(k), pieces[2].rstrip() + "\n"))
        if ": too-long:" in last:
            return self._completed(k, path, self._edit(path, self._extra(k), ""))
        if found := re.search(r"too-short:.*?It ends: (.*)", last):
            end = found[1].strip()
            at = max(at for at, piece in enumerate(pieces) if end.endswith(_sentence(piece)))
            return self._further(k, path, pieces, at + 1, habit)
        return self._completed(k, path)

    def _further(self, k, path, pieces, at, habit):
        """Go on after the last sentence that stands; with what is left, complete."""
        text, end = self._some(pieces, at, self.reply)
        stands, between = _sentence(pieces[at - 1]), pieces[at - 1][-1]
        whole = end == len(pieces)
        text += f"\n{self._extra(k)}" if whole and habit == "long" else ""
        edit = self._edit(path, f"{stands}\n", f"{stands}{between}{text}")
        return self._completed(k, path, edit) if whole and habit != "long" else calls(edit)

    def _cut(self, reply):
        """A reply that ended at its length limit."""
        call = reply.message.tool_calls[0]
        broken = replace(call, arguments=call.arguments[: len(call.arguments) // 2])
        return Reply(Message("assistant", "", (broken,)), "cut", reply.usage)

    def _copied(self, k):
        """A passage of the chapter before."""
        return "".join(self.pieces(k - 1, self.words)[2:6])

    def _extra(self, k):
        return " ".join(random.Random(f"too much {k}").choices(_WORDS, k=self.words // 3)).capitalize() + ".\n"

    def _write(self, path, text):
        return ("write_files", {"files": [{"path": path, "content": text}]})

    def _edit(self, path, find, put):
        return ("edit_file", {"path": path, "edits": [{"find": find, "replace": put}]})

    def _some(self, pieces, at, room):
        """Pieces from one on, as many as there is room for; and where the next part begins."""
        end, count = at, 0
        while end < len(pieces) and count < room:
            count += len(pieces[end].split())
            end += 1
        return "".join(pieces[at:end]).rstrip() + "\n", end

    def _completed(self, k, path, *acts):
        shown = [{"requirement": f"R{k}", "file": path, "symbol": f"Hour {k}.1"}] if k in self._shown() else []
        return calls(*acts, ("complete_instruction", {"summary": f"Day {k} is told.", "evidence": shown}))


class TextBook(BookJob):
    """The same from a model without function calling."""

    def __call__(self, body):
        return spoken(body, super().__call__)

    def _cut(self, reply):
        return replace(reply, ending="cut")


def _sentence(piece):
    return piece.strip().split("\n")[-1]
