<?php

namespace PointSync\Connection;

/**
 * What a call to PointSync gave.
 */
final class Answer {

	/** @var int the HTTP status; 0 if there was no answer */
	public $status;
	/** @var array<mixed> the JSON object or list; empty if there was none */
	public $body;
	/** @var string why there is no usable answer, as a sentence; empty if there is one */
	public $problem;
	/** @var int seconds after which PointSync wants to be asked again; 0 if it did not say */
	public $retry_after;

	/** @param array<mixed> $body */
	public function __construct( int $status, array $body = array(), string $problem = '', int $retry_after = 0 ) {
		$this->status      = $status;
		$this->body        = $body;
		$this->problem     = $problem;
		$this->retry_after = $retry_after;
	}

	public function is_success(): bool {
		return $this->status >= 200 && $this->status < 300;
	}

	/** Whether the same call may succeed later: no answer, too many calls, or trouble at PointSync. */
	public function is_worth_repeating(): bool {
		return 0 === $this->status || 408 === $this->status || 429 === $this->status || $this->status >= 500;
	}

	/** The code of PointSync's error, such as `no_rule`; empty if there is none. */
	public function code(): string {
		$error = isset( $this->body['error'] ) && is_array( $this->body['error'] ) ? $this->body['error'] : array();
		return isset( $error['code'] ) && is_string( $error['code'] ) ? $error['code'] : '';
	}

	/** What went wrong, as a sentence for people; empty if nothing did. */
	public function message(): string {
		if ( '' !== $this->problem || $this->is_success() ) {
			return $this->problem;
		}
		$error = isset( $this->body['error'] ) && is_array( $this->body['error'] ) ? $this->body['error'] : array();
		if ( isset( $error['message'] ) && is_string( $error['message'] ) ) {
			return $error['message'];
		}
		/* translators: %d: an HTTP status such as 502 */
		return sprintf( __( 'PointSync answered with the status %d.', 'pointsync' ), $this->status );
	}
}
