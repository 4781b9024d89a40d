//! A page of a list: found by counting, read by one bounded query or a few.

use domain::{CallId, Timestamp, call::Call, stats::CallFilter};
use futures_util::future::{try_join, try_join_all, try_join3};

use crate::{
    counts::Counters,
    error::StoreError,
    keys::{Bound, Tenant},
    table::Table,
};

use super::{
    CallPage, LiveEntry, Start, Wanted,
    blocks::{Block, Grain, Outline, in_order},
    reach::Reach,
};

/// An offset up to here is passed over by reading: looking it up would cost as much.
const SHALLOW: u64 = 20;

/// How many entries a query asks for where nobody knows how many of them will be taken.
const STEP: usize = 100;

/// A part of a page: from which block, after how many of its calls, and how many.
#[derive(Debug, Clone, Copy)]
struct Piece {
    block: usize,
    skip: usize,
    take: usize,
}

/// A call of a page; `None` for one that goes on and is not read yet.
type Element = (CallId, Option<Call>);

impl Table {
    /// A page of the calls that a filter takes, and how many it takes in all.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn call_list(&self, tenant: Tenant, filter: &CallFilter, start: Start, limit: usize) -> Result<CallPage, StoreError> {
        let walk = Walk { table: self, tenant, filter, start, limit };
        let (elements, total) = if walk.begins_at_the_top() { Box::pin(walk.top()).await? } else { Box::pin(walk.deep()).await? };
        let is_last = matches!(start, Start::Offset(offset) if offset + limit as u64 >= total);
        let next = elements.last().map(|(id, _)| *id).filter(|_| elements.len() == limit && !is_last);
        Ok(CallPage { calls: walk.filled(elements).await?, total, next })
    }
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    table: &'a Table,
    tenant: Tenant,
    filter: &'a CallFilter,
    start: Start,
    limit: usize,
}

impl Walk<'_> {
    /// Whether the page is reached without counting: nothing but the time narrows the list and hardly anything is to be
    /// passed over.
    const fn begins_at_the_top(&self) -> bool {
        self.filter.is_of_time_alone() && matches!(self.start, Start::After(_) | Start::Offset(..=SHALLOW))
    }

    /// The page and the total, side by side.
    async fn top(self) -> Result<(Vec<Element>, u64), StoreError> {
        let live = self.table.live_taken(self.tenant, self.filter, Wanted::Ids);
        let need = self.skip() + self.limit;
        let ended = self.table.taken(self.tenant, self.filter, self.span(None), need, need.max(1));
        let (mut live, blocks, ended) = Box::pin(try_join3(live, self.outline(), ended)).await?;
        // A call that is being counted has its entry before its marker goes.
        live.retain(|entry| !ended.iter().any(|call| call.id == entry.id));
        let total = total(&blocks, &live);
        Ok((self.page(ended, &live, self.skip(), self.limit), total))
    }

    /// The page by way of the counters.
    async fn deep(self) -> Result<(Vec<Element>, u64), StoreError> {
        let wanted = if self.filter.is_of_time_alone() { Wanted::Ids } else { Wanted::Records };
        let live = self.table.live_taken(self.tenant, self.filter, wanted);
        let (live, blocks) = Box::pin(try_join(live, self.outline())).await?;
        let total = total(&blocks, &live);
        let (blocks, pieces) = self.divided(blocks, &live).await?;
        if self.filter.is_of_time_alone() {
            return Ok((self.in_a_row(&blocks, &pieces, &live).await?, total));
        }
        let read = pieces.iter().filter_map(|piece| Some(self.piece(*piece, blocks.get(piece.block)?, &live)));
        let mut elements: Vec<Element> = try_join_all(read).await?.into_iter().flatten().collect();
        elements.truncate(self.limit);
        Ok((elements, total))
    }

    /// The blocks of everything that the filter can take.
    async fn outline(self) -> Result<Vec<Block>, StoreError> {
        if !self.filter.wants_ended() {
            return Ok(Vec::new());
        }
        let reach = Reach::of(self.filter);
        let days = async {
            match reach.days {
                Some(days) => self.blocks().blocks(days).await,
                None => Ok(Vec::new()),
            }
        };
        let (mut blocks, edges) = try_join(days, self.table.edges(self.tenant, self.filter, &reach)).await?;
        blocks.extend(reach.edges.iter().zip(edges).map(|((from, until), calls)| Block::read(*from, *until, calls)));
        Ok(blocks)
    }

    const fn blocks(&self) -> Outline<'_> {
        Outline { table: self.table, counters: Counters::of(self.tenant, self.filter), filter: self.filter }
    }

    /// Divides the blocks in which the page lies until none of them can be divided further.
    async fn divided(self, blocks: Vec<Block>, live: &[LiveEntry]) -> Result<(Vec<Block>, Vec<Piece>), StoreError> {
        let mut blocks = in_order(blocks, live);
        loop {
            let pieces = self.pieces(&blocks, live);
            let found = |piece: &Piece| blocks.get(piece.block).filter(|block| block.is_coarse()).map(|block| (*piece, block));
            let coarse: Vec<(Piece, &Block)> = pieces.iter().filter_map(found).collect();
            if coarse.is_empty() {
                return Ok((blocks, pieces));
            }
            let outline = self.blocks();
            let parts = try_join_all(coarse.iter().map(|(piece, block)| outline.divide(block, piece.skip))).await?;
            let coarse: Vec<usize> = coarse.iter().map(|(piece, _)| piece.block).collect();
            let rest = blocks.into_iter().enumerate().filter(|(at, _)| !coarse.contains(at)).map(|(_, block)| block);
            blocks = in_order(rest.chain(parts.into_iter().flatten()).collect(), live);
        }
    }

    /// In which blocks the page lies. A list that only the time narrows goes on below its first one by itself.
    fn pieces(&self, blocks: &[Block], live: &[LiveEntry]) -> Vec<Piece> {
        let (mut skip, mut left) = (self.skip(), self.limit);
        let mut pieces = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            if self.cursor_time().is_some_and(|time| block.from > time) {
                continue;
            }
            let size = usize::try_from(block.taken).unwrap_or(0) + live.iter().filter(|entry| block.holds(entry.time())).count();
            if skip >= size && !self.is_cut(block) {
                skip -= size;
                continue;
            }
            let take = if self.is_cut(block) { left } else { left.min(size - skip) };
            pieces.push(Piece { block: at, skip, take });
            // Of a block that the cursor cuts nobody knows how much is left: the rest is planned as if nothing were.
            left -= if self.is_cut(block) { 0 } else { take };
            skip = 0;
            if left == 0 || self.filter.is_of_time_alone() {
                break;
            }
        }
        pieces
    }

    /// Reads the page from its first block downwards.
    async fn in_a_row(self, blocks: &[Block], pieces: &[Piece], live: &[LiveEntry]) -> Result<Vec<Element>, StoreError> {
        let Some((piece, block)) = pieces.first().and_then(|piece| Some((piece, blocks.get(piece.block)?))) else {
            return Ok(Vec::new());
        };
        let need = piece.skip + self.limit;
        let ended = self.table.taken(self.tenant, self.filter, self.span(Some((self.filter.from, block.until))), need, need.max(1)).await?;
        let below: Vec<LiveEntry> = live.iter().filter(|entry| entry.time() < block.until).cloned().collect();
        Ok(self.page(ended, &below, piece.skip, self.limit))
    }

    /// Reads a block's part of the page.
    async fn piece(self, piece: Piece, block: &Block, live: &[LiveEntry]) -> Result<Vec<Element>, StoreError> {
        let need = piece.skip + piece.take;
        let ended = match &block.grain {
            Grain::Read(calls) => calls.iter().filter(|call| self.is_below(call.id)).take(need).cloned().collect(),
            _ if block.taken == 0 => Vec::new(),
            _ => {
                let span = self.span(Some((Some(block.from), block.until)));
                self.table.taken(self.tenant, self.filter, span, need, step(block, need)).await?
            }
        };
        let own: Vec<LiveEntry> = live.iter().filter(|entry| block.holds(entry.time())).cloned().collect();
        Ok(self.page(ended, &own, piece.skip, piece.take))
    }

    /// Ended and live calls in one order, without those that come before the page and those after it.
    fn page(&self, ended: Vec<Call>, live: &[LiveEntry], skip: usize, take: usize) -> Vec<Element> {
        let mut all: Vec<Element> = ended.into_iter().map(|call| (call.id, Some(call))).collect();
        let live = live.iter().filter(|entry| self.is_below(entry.id));
        all.extend(live.map(|entry| (entry.id, entry.call.clone())));
        // A call that is being counted may be found in both places: the entry stands first, and the sort keeps it there.
        all.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        all.dedup_by_key(|(id, _)| *id);
        all.into_iter().skip(skip).take(take).collect()
    }

    /// The calls of a page, those that go on as they are now.
    async fn filled(self, elements: Vec<Element>) -> Result<Vec<Call>, StoreError> {
        let missing: Vec<CallId> = elements.iter().filter(|(_, call)| call.is_none()).map(|(id, _)| *id).collect();
        let mut records = self.table.records(self.tenant, &missing).await?.into_iter().peekable();
        let mut calls = Vec::with_capacity(elements.len());
        for (id, call) in elements {
            let live = || records.next_if(|record| record.id == id).map(|record| Call { transcript: None, ..record.call() });
            // A marker without a record: its first event is being written.
            calls.extend(call.or_else(live));
        }
        Ok(calls)
    }

    /// The bounds of a stretch, of the whole range for `None`, below the cursor if there is one.
    fn span(&self, stretch: Option<(Option<Timestamp>, Timestamp)>) -> (Option<Bound>, Option<Bound>) {
        let (from, until) = stretch.map_or((self.filter.from, self.filter.until), |(from, until)| (from, Some(until)));
        let until = until.map(Bound::at);
        let cursor = if let Start::After(id) = self.start { Some(Bound::before(id)) } else { None };
        let until = match (until, cursor) {
            (Some(until), Some(cursor)) => Some(until.min(cursor)),
            (until, cursor) => until.or(cursor),
        };
        (from.map(Bound::at), until)
    }

    const fn skip(&self) -> usize {
        match self.start {
            Start::Offset(offset) => offset as usize,
            Start::After(_) => 0,
        }
    }

    fn cursor_time(&self) -> Option<Timestamp> {
        if let Start::After(id) = self.start { id.time() } else { None }
    }

    /// Whether the cursor lies within a block.
    fn is_cut(&self, block: &Block) -> bool {
        self.cursor_time().is_some_and(|time| block.holds(time))
    }

    fn is_below(&self, id: CallId) -> bool {
        if let Start::After(cursor) = self.start { id < cursor } else { true }
    }
}

fn total(blocks: &[Block], live: &[LiveEntry]) -> u64 {
    let ended: i64 = blocks.iter().map(|block| block.taken).sum();
    u64::try_from(ended).unwrap_or(0) + live.len() as u64
}

/// How many entries to ask for at a time, to find so many that are taken.
fn step(block: &Block, need: usize) -> usize {
    let all = block.all.and_then(|all| usize::try_from(all).ok());
    let taken = usize::try_from(block.taken).unwrap_or(0).max(1);
    all.map_or(STEP, |all| (need * all / taken * 5 / 4 + 10).min(all + 1)).clamp(1, 1_000)
}
